#include "server/calls/call_limits.h"

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace alignflow {
namespace {

constexpr int kAll = LimitOf(CallKind::kWrite).total;
constexpr int kOfOne = LimitOf(CallKind::kWrite).per_client;

TEST(CallLimits, AClientThatHasTooManyIsRefusedAndOthersAreNot) {
  CallLimits limits;
  for (int i = 0; i < kOfOne; ++i) {
    EXPECT_EQ(limits.Take(CallKind::kWrite, "greedy"), absl::OkStatus());
  }
  const absl::Status refused = limits.Take(CallKind::kWrite, "greedy");
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  EXPECT_EQ(limits.Take(CallKind::kWrite, "other"), absl::OkStatus());
  limits.Release(CallKind::kWrite, "greedy");
  EXPECT_EQ(limits.Take(CallKind::kWrite, "greedy"), absl::OkStatus());
}

TEST(CallLimits, AKindThatIsFullTakesNothingFromAnother) {
  CallLimits limits;
  for (int i = 0; i < kAll; ++i) {
    EXPECT_EQ(limits.Take(CallKind::kWrite, std::to_string(i)), absl::OkStatus());
  }
  const absl::Status full = limits.Take(CallKind::kWrite, "one more");
  EXPECT_TRUE(absl::IsUnavailable(full)) << "clients try again: " << full;
  EXPECT_EQ(limits.Take(CallKind::kLease, "one more"), absl::OkStatus());
  EXPECT_EQ(limits.open()[static_cast<int>(CallKind::kWrite)], kAll);
  EXPECT_EQ(limits.open()[static_cast<int>(CallKind::kLease)], 1);
}

TEST(CallLimits, APlaceIsFreeOnceItIsLetGo) {
  CallLimits limits;
  CallPlace place(limits, CallKind::kRead, "a");
  EXPECT_EQ(limits.open()[static_cast<int>(CallKind::kRead)], 1);
  place.Release();
  place.Release();
  EXPECT_EQ(limits.open()[static_cast<int>(CallKind::kRead)], 0);
  { const CallPlace another(limits, CallKind::kRead, "a"); }
  EXPECT_EQ(limits.open()[static_cast<int>(CallKind::kRead)], 0);
}

}  // namespace
}  // namespace alignflow
