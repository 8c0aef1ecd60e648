#ifndef ALIGNFLOW_SERVER_SCHEDULER_QUOTA_H_
#define ALIGNFLOW_SERVER_SCHEDULER_QUOTA_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

// What a tenant may have and use, and whether more fits. Pure. Days are UTC's.
namespace alignflow {

// Nothing: as much as it likes.
struct TenantLimits {
  std::optional<int64_t> stored_bytes = {};
  std::optional<int64_t> jobs = {};  // queued and running
  std::optional<int64_t> pairs_a_day = {};
  std::optional<int64_t> worker_seconds_a_day = {};
  std::optional<int64_t> calls_a_second = {};
  bool operator==(const TenantLimits&) const = default;
};

struct TenantUse {
  int64_t stored_bytes = 0;
  int64_t jobs = 0;         // queued and running
  int64_t pairs_today = 0;  // asked for
  int64_t worker_seconds_today = 0;
};

// The number of the day, and when the next begins.
int64_t DayOf(absl::Time now);
absl::Time NextDay(absl::Time now);

// Whether a job of so many pairs may be queued. ResourceExhausted, with what is used, the limit and
// when it frees.
absl::Status CheckJobFits(const TenantLimits& limits, const TenantUse& use, int64_t pairs,
                          absl::Time now);
// The same for so many bytes to be stored.
absl::Status CheckBytesFit(const TenantLimits& limits, const TenantUse& use, int64_t bytes);
// Why tasks of the tenant are not handed out for now; empty if they are.
std::string WhyNoWorkerTime(const TenantLimits& limits, const TenantUse& use, absl::Time now);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SCHEDULER_QUOTA_H_
