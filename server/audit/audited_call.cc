#include "server/audit/audited_call.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace alignflow {
namespace {

thread_local std::shared_ptr<AuditedCall> current;

}  // namespace

std::shared_ptr<AuditedCall> CurrentAuditedCall() { return current; }

void SetAuditedCall(std::shared_ptr<AuditedCall> call) { current = std::move(call); }

void NameAuditedResource(const std::string& resource) {
  if (current == nullptr || current->written) return;
  std::string& named = current->record.resource;
  absl::StrAppend(&named, named.empty() ? "" : " ", resource);
}

}  // namespace alignflow
