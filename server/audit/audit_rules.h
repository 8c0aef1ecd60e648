#ifndef ALIGNFLOW_SERVER_AUDIT_AUDIT_RULES_H_
#define ALIGNFLOW_SERVER_AUDIT_AUDIT_RULES_H_

#include <span>
#include <string>
#include <string_view>

// Which calls are recorded (server/audit/audit_log.h), and as about what. Pure.
namespace alignflow {

enum class AuditKind {
  kNone,    // lists, states, figures of the service; what workers do with the tasks they lease
  kChange,  // recorded in the transaction of the change
  kRead,    // what patients' data went to: recorded before the first byte leaves
};

struct AuditRule {
  std::string_view method;  // as gRPC writes it: "/alignflow.v1.Jobs/GetJob"
  AuditKind kind = AuditKind::kNone;
  // The resource that the method's request names: "jobs/x". Null: none.
  std::string (*resource)(const void* request) = nullptr;
};
// Every method of every service in proto/alignflow/v1.
std::span<const AuditRule> AuditRules();
// Null for what no rule names.
const AuditRule* FindAuditRule(std::string_view method);

// What a client has sent as a name, if it has the form of one; empty otherwise. Nothing else that
// a client makes up is recorded.
std::string AuditedName(std::string_view name);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_AUDIT_AUDIT_RULES_H_
