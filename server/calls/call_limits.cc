#include "server/calls/call_limits.h"

#include "absl/strings/str_cat.h"

namespace alignflow {

std::string_view CallKindName(CallKind kind) {
  switch (kind) {
    case CallKind::kLease:
      return "lease";
    case CallKind::kWatch:
      return "watch";
    case CallKind::kPairs:
      return "pairs";
    case CallKind::kWrite:
      return "write";
    case CallKind::kRead:
      return "read";
    case CallKind::kCreate:
      return "create";
    case CallKind::kSpace:
      return "space";
  }
  return "";
}

absl::Status CallLimits::Take(CallKind kind, const std::string& client) {
  const CallLimit limit = LimitOf(kind);
  absl::MutexLock lock(&mutex_);
  int& in_all = open_[static_cast<int>(kind)];
  int& of_client = of_client_[{kind, client}];
  if (of_client >= limit.per_client) {
    return absl::ResourceExhaustedError(
        absl::StrCat("this connection has ", of_client, " open calls of the kind '",
                     std::string(CallKindName(kind)), "', the most there may be; end some first"));
  }
  if (in_all >= limit.total) {
    if (of_client == 0) of_client_.erase({kind, client});
    return absl::UnavailableError(absl::StrCat("the coordinator has ", in_all,
                                               " open calls of the kind '",
                                               std::string(CallKindName(kind)), "'; try again"));
  }
  ++in_all;
  ++of_client;
  return absl::OkStatus();
}

void CallLimits::Release(CallKind kind, const std::string& client) {
  absl::MutexLock lock(&mutex_);
  --open_[static_cast<int>(kind)];
  const auto of_client = of_client_.find({kind, client});
  if (--of_client->second == 0) of_client_.erase(of_client);
}

std::array<int, kCallKinds> CallLimits::open() const {
  absl::MutexLock lock(&mutex_);
  return open_;
}

}  // namespace alignflow
