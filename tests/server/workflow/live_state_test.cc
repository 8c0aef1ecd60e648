#include "server/workflow/live_state.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace alignflow {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const absl::Time kLiveNow = absl::FromUnixSeconds(1000000);

TaskRecord RunningTask(const std::string& key, const std::string& worker) {
  TaskRecord task;
  task.key = key;
  task.state = TaskState::kRunning;
  task.attempt = 1;
  task.worker = worker;
  return task;
}

TEST(LiveStateTest, KnowsWhatEachWorkerHolds) {
  LiveState live;
  live.Put(RunningTask("1", "a"), kLiveNow);
  live.Put(RunningTask("2", "b"), kLiveNow);
  EXPECT_THAT(live.HeldBy("a"), ElementsAre("1"));
  live.Put(RunningTask("1", "b"), kLiveNow);
  EXPECT_THAT(live.HeldBy("a"), IsEmpty());
  EXPECT_THAT(live.HeldBy("b"), ElementsAre("1", "2"));
  live.Erase("1");
  live.Erase("1");
  EXPECT_THAT(live.HeldBy("b"), ElementsAre("2"));
}

TEST(LiveStateTest, AHeartbeatUnderAnotherNameTakesTheLeaseAlong) {
  LiveState live;
  live.Put(RunningTask("1", ""), kLiveNow);  // as after a restart
  ASSERT_TRUE(live.Renew({}, "new", "1", 1, {}, kLiveNow));
  EXPECT_THAT(live.HeldBy("new"), ElementsAre("1"));
  EXPECT_FALSE(live.Renew({}, "late", "1", 7, {}, kLiveNow));
  EXPECT_THAT(live.HeldBy("late"), IsEmpty());
}

TEST(LiveStateTest, WorkIsSafeFromTheLatestCheckpointOn) {
  LiveState live;
  TaskRecord task = RunningTask("1", "a");
  live.Put(task, kLiveNow);
  live.Put(task, kLiveNow + absl::Seconds(5));  // nothing new
  EXPECT_EQ(live.Leases().at(0).saved, kLiveNow);
  task.checkpoint = "digest";
  live.Put(task, kLiveNow + absl::Seconds(7));
  EXPECT_EQ(live.Leases().at(0).saved, kLiveNow + absl::Seconds(7));
  ++task.attempt;
  live.Put(task, kLiveNow + absl::Seconds(9));
  EXPECT_EQ(live.Leases().at(0).saved, kLiveNow + absl::Seconds(9));
}

}  // namespace
}  // namespace alignflow
