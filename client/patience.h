#ifndef ALIGNFLOW_CLIENT_PATIENCE_H_
#define ALIGNFLOW_CLIENT_PATIENCE_H_

#include <functional>
#include <string>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/backoff.h"

namespace alignflow {

// Time, as far as Patience needs it.
struct PatienceClock {
  std::function<absl::Time()> now = absl::Now;
  std::function<void(absl::Duration)> sleep = absl::SleepFor;
};

// How long a command that follows a job puts up with a coordinator that does not answer: it may be
// restarting. Not thread-safe.
class Patience {
 public:
  // `limit`: for how long in one go. `tell` gets one line when the silence begins and one when it
  // ends.
  Patience(absl::Duration limit, std::function<void(const std::string& line)> tell,
           PatienceClock clock = {});

  // The coordinator has answered something useful: the silence is over.
  void Answered();

  // After a failed call. OK: a delay has passed, try again. Otherwise the error to return:
  // `failure` itself where trying again is no use, or DeadlineExceeded once the limit is reached.
  absl::Status AfterFailure(const absl::Status& failure);

 private:
  const absl::Duration limit_;
  const std::function<void(const std::string&)> tell_;
  const PatienceClock clock_;
  const BackoffPolicy backoff_{.initial = absl::Milliseconds(200), .maximum = absl::Seconds(5)};
  absl::BitGen random_;
  int failures_ = 0;
  absl::Time silent_since_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_PATIENCE_H_
