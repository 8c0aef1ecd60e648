#include "server/scheduler/quota.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace alignflow {
namespace {

using testing::HasSubstr;

// 2001-09-09 01:46:40 UTC.
const absl::Time kQuotaNow = absl::FromUnixSeconds(1'000'000'000);

std::string Refusal(const absl::Status& status) {
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  return std::string(status.message());
}

TEST(QuotaTest, WithoutLimitsEverythingFits) {
  const TenantUse use{.stored_bytes = 1 << 30, .jobs = 1000, .pairs_today = 1 << 30};
  EXPECT_EQ(CheckJobFits({}, use, 1'000'000, kQuotaNow), absl::OkStatus());
  EXPECT_EQ(CheckBytesFit({}, use, int64_t{1} << 40), absl::OkStatus());
}

TEST(QuotaTest, TheLimitItselfFitsAndOneMoreDoesNot) {
  const TenantLimits limits{.stored_bytes = 100, .jobs = 2, .pairs_a_day = 10};
  EXPECT_EQ(CheckJobFits(limits, {.jobs = 1, .pairs_today = 6}, 4, kQuotaNow), absl::OkStatus());
  EXPECT_THAT(Refusal(CheckJobFits(limits, {.jobs = 2}, 4, kQuotaNow)), HasSubstr("2 of 2 jobs"));
  EXPECT_THAT(Refusal(CheckJobFits(limits, {.pairs_today = 6}, 5, kQuotaNow)),
              testing::AllOf(HasSubstr("6 of 10 pairs"), HasSubstr("5 more"),
                             HasSubstr("2001-09-10 00:00 UTC")));
  EXPECT_EQ(CheckBytesFit(limits, {.stored_bytes = 60}, 40), absl::OkStatus());
  EXPECT_THAT(
      Refusal(CheckBytesFit(limits, {.stored_bytes = 60}, 41)),
      testing::AllOf(HasSubstr("60 of 100 bytes"), HasSubstr("41 more"), HasSubstr("delete")));
  EXPECT_THAT(Refusal(CheckJobFits(limits, {.stored_bytes = 100}, 1, kQuotaNow)),
              HasSubstr("100 of 100 bytes"));
}

TEST(QuotaTest, WorkerTimeOfTheDayIsUsedUp) {
  const TenantLimits limits{.worker_seconds_a_day = 60};
  EXPECT_EQ(WhyNoWorkerTime(limits, {.worker_seconds_today = 59}, kQuotaNow), "");
  EXPECT_THAT(WhyNoWorkerTime(limits, {.worker_seconds_today = 61}, kQuotaNow),
              testing::AllOf(HasSubstr("61 of 60"), HasSubstr("2001-09-10 00:00 UTC")));
  EXPECT_THAT(Refusal(CheckJobFits(limits, {.worker_seconds_today = 61}, 1, kQuotaNow)),
              HasSubstr("worker-seconds"));
}

TEST(QuotaTest, DaysBeginAtMidnight) {
  EXPECT_EQ(NextDay(kQuotaNow), absl::FromUnixSeconds(1'000'080'000));
  EXPECT_EQ(DayOf(NextDay(kQuotaNow)), DayOf(kQuotaNow) + 1);
  EXPECT_EQ(DayOf(NextDay(kQuotaNow) - absl::Seconds(1)), DayOf(kQuotaNow));
}

}  // namespace
}  // namespace alignflow
