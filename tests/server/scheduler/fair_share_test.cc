#include "server/scheduler/fair_share.h"

#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace alignflow {
namespace {

using testing::ElementsAre;

const absl::Time kShareStart = absl::FromUnixSeconds(1'000'000);

class FairShareTest : public testing::Test {
 protected:
  // One worker: leases a task of the tenant whose turn it is, which takes so long, and ends it.
  std::string Serve(const std::vector<FairShare::Waiting>& waiting,
                    const std::map<std::string, absl::Duration>& durations = {}) {
    const std::string tenant = share_.Order(waiting).front();
    share_.Take("task", tenant, now_);
    const auto duration = durations.find(tenant);
    now_ += duration == durations.end() ? absl::ZeroDuration() : duration->second;
    share_.Release("task", now_);
    return tenant;
  }

  FairShare share_;
  absl::Time now_ = kShareStart;
};

TEST_F(FairShareTest, AloneATenantGetsEveryTurn) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Serve({{"a"}}), "a");
}

TEST_F(FairShareTest, WhoComesWithOneTaskIsNextHoweverManyAnotherHasHad) {
  for (int i = 0; i < 200; ++i) Serve({{"a"}}, {{"a", absl::Minutes(1)}});
  EXPECT_EQ(Serve({{"a"}, {"b"}}), "b");
}

TEST_F(FairShareTest, WhoWasIdleHasSavedNothingUp) {
  Serve({{"b"}});
  for (int i = 0; i < 200; ++i) Serve({{"a"}}, {{"a", absl::Minutes(1)}});
  std::map<std::string, int> turns;
  for (int i = 0; i < 20; ++i) {
    ++turns[Serve({{"a"}, {"b"}}, {{"a", absl::Minutes(1)}, {"b", absl::Minutes(1)}})];
  }
  EXPECT_NEAR(turns["a"], 10, 1);
}

TEST_F(FairShareTest, WorkerTimeIsSharedByWeight) {
  std::map<std::string, int> turns;
  for (int i = 0; i < 400; ++i) {
    ++turns[Serve({{"a", 3}, {"b", 1}}, {{"a", absl::Seconds(10)}, {"b", absl::Seconds(10)}})];
  }
  EXPECT_NEAR(turns["a"], 300, 4);
  EXPECT_NEAR(turns["b"], 100, 4);
}

TEST_F(FairShareTest, WhoseTasksAreShortGetsMoreOfThem) {
  std::map<std::string, int> turns;
  for (int i = 0; i < 1100; ++i) {
    ++turns[Serve({{"a"}, {"b"}}, {{"a", absl::Seconds(100)}, {"b", absl::Seconds(10)}})];
  }
  EXPECT_NEAR(turns["b"] / static_cast<double>(turns["a"]), 10, 1);
}

TEST_F(FairShareTest, SeveralWorkersAreSharedByWeightAsWell) {
  const std::vector<FairShare::Waiting> waiting = {{"a", 2}, {"b", 1}};
  std::map<std::string, int> running;
  for (int i = 0; i < 9; ++i) {
    const std::string tenant = share_.Order(waiting).front();
    share_.Take("task-" + std::to_string(i), tenant, now_);
    ++running[tenant];
  }
  EXPECT_EQ(running["a"], 6);
  EXPECT_EQ(running["b"], 3);
}

TEST_F(FairShareTest, ALeaseIsCountedOnceAndSaysWhatItHasTaken) {
  share_.Take("task", "a", kShareStart);
  share_.Take("task", "a", kShareStart + absl::Seconds(5));
  EXPECT_EQ(share_.TakenBy("task", kShareStart + absl::Seconds(7)), absl::Seconds(7));
  EXPECT_THAT(share_.Order({{"a"}, {"b"}}), ElementsAre("b", "a"));
  share_.Release("task", kShareStart + absl::Seconds(8));
  share_.Release("task", kShareStart + absl::Seconds(9));
  EXPECT_EQ(share_.TakenBy("task", kShareStart + absl::Seconds(9)), absl::ZeroDuration());
}

}  // namespace
}  // namespace alignflow
