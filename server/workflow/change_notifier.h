#ifndef ALIGNFLOW_SERVER_WORKFLOW_CHANGE_NOTIFIER_H_
#define ALIGNFLOW_SERVER_WORKFLOW_CHANGE_NOTIFIER_H_

#include <cstdint>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace alignflow {

// Wakes those who wait for jobs or tasks to change. Whoever waits takes version() first, looks at
// the state, and waits for a later version: so no change is missed. Thread-safe.
class ChangeNotifier {
 public:
  void Notify() {
    absl::MutexLock lock(&mutex_);
    ++version_;
  }
  int64_t version() const {
    absl::MutexLock lock(&mutex_);
    return version_;
  }
  // Returns when there is a version after `seen`, or after `timeout`.
  void WaitForChange(int64_t seen, absl::Duration timeout) const {
    absl::MutexLock lock(&mutex_);
    const auto changed = [this, seen] { return version_ > seen; };
    mutex_.AwaitWithTimeout(absl::Condition(&changed), timeout);
  }

 private:
  mutable absl::Mutex mutex_;
  int64_t version_ = 0;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_WORKFLOW_CHANGE_NOTIFIER_H_
