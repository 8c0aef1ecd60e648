#ifndef ALIGNFLOW_COMMON_AGE_H_
#define ALIGNFLOW_COMMON_AGE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

// How old something may get, as people write it.
namespace alignflow {

// 100,000 days: no longer age is taken but `never`.
inline constexpr absl::Duration kMaxAge = absl::Hours(24 * 100000);

// "90d", "12h", "1d12h", "30m", "90s"; a plain number is days, 0 is at once. "never" is infinite.
// InvalidArgument, with the forms, for anything else and for an age below 0 or beyond kMaxAge.
absl::StatusOr<absl::Duration> ParseAge(const std::string& text);

// "90d", "1d12h", "0"; "never" for an infinite one.
std::string AgeText(absl::Duration age);

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_AGE_H_
