#include "server/scheduler/quota.h"

#include "absl/strings/str_cat.h"

namespace alignflow {
namespace {

constexpr absl::Duration kDay = absl::Hours(24);

absl::Status Exhausted(const std::string& text) {
  return absl::ResourceExhaustedError(absl::StrCat("quota: ", text));
}

std::string Frees(absl::Time now) {
  return absl::StrCat("it frees at ",
                      absl::FormatTime("%Y-%m-%d %H:%M UTC", NextDay(now), absl::UTCTimeZone()));
}

}  // namespace

int64_t DayOf(absl::Time now) { return absl::ToInt64Hours(now - absl::UnixEpoch()) / 24; }

absl::Time NextDay(absl::Time now) { return absl::UnixEpoch() + (DayOf(now) + 1) * kDay; }

absl::Status CheckJobFits(const TenantLimits& limits, const TenantUse& use, int64_t pairs,
                          absl::Time now) {
  if (limits.jobs && use.jobs >= *limits.jobs) {
    return Exhausted(absl::StrCat(use.jobs, " of ", *limits.jobs,
                                  " jobs are queued or running; it frees when one ends or is "
                                  "cancelled"));
  }
  if (limits.pairs_a_day && use.pairs_today + pairs > *limits.pairs_a_day) {
    return Exhausted(absl::StrCat(use.pairs_today, " of ", *limits.pairs_a_day,
                                  " pairs of today are asked for already, and this job asks for ",
                                  pairs, " more; ", Frees(now)));
  }
  if (const std::string why = WhyNoWorkerTime(limits, use, now); !why.empty()) {
    return Exhausted(why);
  }
  return CheckBytesFit(limits, use, 0);
}

absl::Status CheckBytesFit(const TenantLimits& limits, const TenantUse& use, int64_t bytes) {
  const bool over =
      limits.stored_bytes && (bytes > 0 ? use.stored_bytes + bytes > *limits.stored_bytes
                                        : use.stored_bytes >= *limits.stored_bytes);
  if (!over) return absl::OkStatus();
  return Exhausted(absl::StrCat(
      use.stored_bytes, " of ", *limits.stored_bytes, " bytes are stored",
      bytes > 0 ? absl::StrCat(", and this file has ", bytes, " more") : "",
      "; delete jobs or datasets: their space is free once their files are collected, some minutes "
      "to an hour later"));
}

std::string WhyNoWorkerTime(const TenantLimits& limits, const TenantUse& use, absl::Time now) {
  if (!limits.worker_seconds_a_day || use.worker_seconds_today < *limits.worker_seconds_a_day) {
    return "";
  }
  return absl::StrCat(use.worker_seconds_today, " of ", *limits.worker_seconds_a_day,
                      " worker-seconds of today are used; ", Frees(now));
}

}  // namespace alignflow
