#include "client/patience.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/text_table.h"

namespace alignflow {
namespace {

// CANCELLED: a server that closes ends its streams so.
bool MayPass(const absl::Status& failure) {
  return absl::IsUnavailable(failure) || absl::IsDeadlineExceeded(failure) ||
         absl::IsCancelled(failure);
}

}  // namespace

Patience::Patience(absl::Duration limit, std::function<void(const std::string&)> tell,
                   PatienceClock clock)
    : limit_(limit), tell_(std::move(tell)), clock_(std::move(clock)) {}

void Patience::Answered() {
  if (failures_ > 0) tell_("the coordinator answers again");
  failures_ = 0;
}

absl::Status Patience::AfterFailure(const absl::Status& failure) {
  if (!MayPass(failure)) return failure;
  const absl::Time now = clock_.now();
  if (++failures_ == 1) {
    silent_since_ = now;
    tell_(absl::StrCat("the coordinator does not answer; trying again for up to ",
                       DurationText(limit_)));
  }
  const absl::Duration left = limit_ - (now - silent_since_);
  if (left <= absl::ZeroDuration()) {
    return absl::DeadlineExceededError(
        absl::StrCat("no answer for ", DurationText(limit_),
                     "; the job goes on once the coordinator is back: run this again then"));
  }
  const double random = absl::Uniform(random_, 0.0, 1.0);
  clock_.sleep(std::min(left, BackoffDelay(backoff_, failures_, random)));
  return absl::OkStatus();
}

}  // namespace alignflow
