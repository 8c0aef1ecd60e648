#include "server/access/call_rates.h"

#include <string>

#include "gtest/gtest.h"

namespace alignflow {
namespace {

const absl::Time kRatesNow = absl::FromUnixSeconds(1'000'000);

class CallRatesTest : public testing::Test {
 protected:
  // How many of so many calls pass.
  int Pass(const std::string& tenant, int calls, absl::Time now) {
    int passed = 0;
    for (int i = 0; i < calls; ++i) passed += rates_.Take(tenant, now).ok() ? 1 : 0;
    return passed;
  }

  CallRates rates_;
};

TEST_F(CallRatesTest, WithoutALimitEveryCallPasses) {
  EXPECT_EQ(Pass("a", 10'000, kRatesNow), 10'000);
}

TEST_F(CallRatesTest, ABurstPassesAndThenTheRate) {
  rates_.SetLimits({{"a", 10}});
  EXPECT_EQ(Pass("a", 100, kRatesNow), 20);
  EXPECT_EQ(Pass("a", 100, kRatesNow + absl::Seconds(1)), 10);
  EXPECT_EQ(Pass("a", 100, kRatesNow + absl::Hours(1)), 20);
  EXPECT_TRUE(absl::IsResourceExhausted(rates_.Take("a", kRatesNow + absl::Hours(1))));
}

TEST_F(CallRatesTest, OneTenantsCallsAreNotAnothers) {
  rates_.SetLimits({{"a", 1}, {"b", 1}});
  EXPECT_EQ(Pass("a", 100, kRatesNow), 2);
  EXPECT_EQ(Pass("b", 100, kRatesNow), 2);
  rates_.SetLimits({{"b", 1}});
  EXPECT_EQ(Pass("a", 100, kRatesNow), 100);
  EXPECT_EQ(Pass("b", 100, kRatesNow), 0);
}

}  // namespace
}  // namespace alignflow
