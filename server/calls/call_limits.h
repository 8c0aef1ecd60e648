#ifndef ALIGNFLOW_SERVER_CALLS_CALL_LIMITS_H_
#define ALIGNFLOW_SERVER_CALLS_CALL_LIMITS_H_

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace alignflow {

// Calls that may last. Each kind has places of its own, so that none can take another's.
enum class CallKind { kLease, kWatch, kPairs, kWrite, kRead, kCreate, kSpace };
inline constexpr int kCallKinds = 7;

// "lease", "watch", ...: the label values of the metrics.
std::string_view CallKindName(CallKind kind);

// How many calls of a kind may be open, in all and of one client. What a call holds in memory is a
// message of at most 2 MiB, and a file for the blobs' kinds.
struct CallLimit {
  int total = 0;
  int per_client = 0;
};
constexpr CallLimit LimitOf(CallKind kind) {
  switch (kind) {
    case CallKind::kLease:  // one for each worker, however many share a connection
      return {.total = 4096, .per_client = 4096};
    case CallKind::kWatch:
      return {.total = 4096, .per_client = 256};
    case CallKind::kPairs:
      return {.total = 128, .per_client = 32};
    case CallKind::kWrite:
    case CallKind::kRead:
      return {.total = 256, .per_client = 64};
    case CallKind::kCreate:  // each holds a thread while it checks what was sent
      return {.total = 16, .per_client = 8};
    case CallKind::kSpace:  // each holds a thread; one looks, the others wait for what it finds
      return {.total = 4, .per_client = 2};
  }
  return {};
}

// Counts the open calls. A client is a connection: there are no keys that would tell more.
// Thread-safe.
class CallLimits {
 public:
  // ResourceExhausted if the client has too many calls of this kind; Unavailable, as it passes, if
  // all clients together have.
  absl::Status Take(CallKind kind, const std::string& client);
  // Once for each Take that returned OK.
  void Release(CallKind kind, const std::string& client);
  // Calls that are open, by kind.
  std::array<int, kCallKinds> open() const;

 private:
  mutable absl::Mutex mutex_;
  std::array<int, kCallKinds> open_ ABSL_GUARDED_BY(mutex_) = {};
  std::map<std::pair<CallKind, std::string>, int> of_client_ ABSL_GUARDED_BY(mutex_);
};

// A place, until Release or the end of the object. Not thread-safe.
class CallPlace {
 public:
  CallPlace(CallLimits& limits, CallKind kind, std::string client)
      : limits_(limits),
        kind_(kind),
        client_(std::move(client)),
        status_(limits.Take(kind, client_)),
        held_(status_.ok()) {}
  ~CallPlace() { Release(); }
  CallPlace(const CallPlace&) = delete;
  CallPlace& operator=(const CallPlace&) = delete;

  void Release() {
    if (std::exchange(held_, false)) limits_.Release(kind_, client_);
  }
  // Why there was none.
  const absl::Status& status() const { return status_; }

 private:
  CallLimits& limits_;
  const CallKind kind_;
  const std::string client_;
  const absl::Status status_;
  bool held_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CALLS_CALL_LIMITS_H_
