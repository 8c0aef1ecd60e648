#ifndef ALIGNFLOW_COMMON_BACKOFF_H_
#define ALIGNFLOW_COMMON_BACKOFF_H_

#include <algorithm>

#include "absl/time/time.h"

namespace alignflow {

// How long to wait between attempts: initial, twice that, four times that, ... up to a maximum.
struct BackoffPolicy {
  absl::Duration initial = absl::Milliseconds(100);
  absl::Duration maximum = absl::Seconds(3);
  // Part of each delay that is random, so that many clients don't come back in step.
  double jitter = 0.3;
};

// The delay after `failures` failures in a row (1, 2, ...). `random` is uniform in [0,1). Pure.
inline absl::Duration BackoffDelay(const BackoffPolicy& policy, int failures, double random) {
  absl::Duration delay = policy.initial;
  for (int i = 1; i < failures && delay < policy.maximum; ++i) delay *= 2;
  delay = std::min(delay, policy.maximum);
  return delay * (1.0 - policy.jitter * random);
}

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_BACKOFF_H_
