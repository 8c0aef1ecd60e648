#include "common/steady_now.h"

#include <chrono>

#include "absl/time/clock.h"

namespace alignflow {

absl::Time SteadyNow() {
  static const std::chrono::steady_clock::time_point begun = std::chrono::steady_clock::now();
  static const absl::Time then = absl::Now();
  return then + absl::FromChrono(std::chrono::steady_clock::now() - begun);
}

absl::Duration ClockStep() { return absl::Now() - SteadyNow(); }

}  // namespace alignflow
