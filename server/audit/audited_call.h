#ifndef ALIGNFLOW_SERVER_AUDIT_AUDITED_CALL_H_
#define ALIGNFLOW_SERVER_AUDIT_AUDITED_CALL_H_

#include <memory>
#include <string>

#include "common/audit_chain.h"

namespace alignflow {

// A call that changes something, while its handler runs on this thread.
struct AuditedCall {
  AuditRecord record;
  bool written = false;
};

// The call whose transactions this thread makes; null: none that is recorded.
std::shared_ptr<AuditedCall> CurrentAuditedCall();
void SetAuditedCall(std::shared_ptr<AuditedCall> call);

// Within a transaction of a change: it is also about this resource ("jobs/x"), which the request
// could not name yet.
void NameAuditedResource(const std::string& resource);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_AUDIT_AUDITED_CALL_H_
