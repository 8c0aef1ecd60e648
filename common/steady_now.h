#ifndef ALIGNFLOW_COMMON_STEADY_NOW_H_
#define ALIGNFLOW_COMMON_STEADY_NOW_H_

#include <condition_variable>
#include <mutex>

#include "absl/time/time.h"

namespace alignflow {

// The time as the machine's clock told it when the program started, and what has passed since by a
// clock that nobody sets. When the machine's is set, forwards or back, no lease runs out for it,
// none lives for ever, and nothing is taken for old. Files have the machine's time.
absl::Time SteadyNow();

// A flag that threads wait for, by a clock that nobody sets. absl's timed waits go by the
// machine's: where that is set back by ten minutes, a second lasts ten minutes longer. Thread-safe.
class SteadyFlag {
 public:
  // Whether it was set already.
  bool Set();
  bool IsSet() const;
  // Returns once it is set, or after `timeout`: whether it is.
  bool Wait(absl::Duration timeout) const;
  // The same, and takes it back.
  bool Take(absl::Duration timeout);

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool set_ = false;
};

// By how much the machine's clock was set forwards (or, negative, back) since the program started.
absl::Duration ClockStep();

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_STEADY_NOW_H_
