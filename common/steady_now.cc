#include "common/steady_now.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/time/clock.h"

namespace alignflow {

absl::Time SteadyNow() {
  static const std::chrono::steady_clock::time_point begun = std::chrono::steady_clock::now();
  static const absl::Time then = absl::Now();
  return then + absl::FromChrono(std::chrono::steady_clock::now() - begun);
}

namespace {

// Beyond any uptime, and far from what overflows.
constexpr absl::Duration kLongestWait = absl::Hours(24 * 365);

std::chrono::nanoseconds ToWait(absl::Duration timeout) {
  return absl::ToChronoNanoseconds(std::clamp(timeout, absl::ZeroDuration(), kLongestWait));
}

}  // namespace

bool SteadyFlag::Set() {
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
  return std::exchange(set_, true);
}

bool SteadyFlag::IsSet() const {
  const std::lock_guard lock(mutex_);
  return set_;
}

bool SteadyFlag::Wait(absl::Duration timeout) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, ToWait(timeout), [this] { return set_; });
}

bool SteadyFlag::Take(absl::Duration timeout) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, ToWait(timeout), [this] { return set_; });
  return std::exchange(set_, false);
}

absl::Duration ClockStep() { return absl::Now() - SteadyNow(); }

}  // namespace alignflow
