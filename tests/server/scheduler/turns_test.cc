#include "server/scheduler/turns.h"

#include "gtest/gtest.h"

namespace alignflow {
namespace {

constexpr int64_t kNewestJob = int64_t{1} << 39;
constexpr int kLastShard = 1000000;

TEST(Turns, OlderJobsComeFirst) { EXPECT_LT(TurnOf(0, 7, 0), TurnOf(0, 8, 0)); }

TEST(Turns, AHigherPriorityComesFirstWhateverTheAge) {
  EXPECT_LT(TurnOf(1, kNewestJob, kLastShard), TurnOf(0, 1, 0));
  EXPECT_LT(TurnOf(kMaxPriority, kNewestJob, kLastShard), TurnOf(kMaxPriority - 1, 1, 0));
  EXPECT_LT(TurnOf(-kMaxPriority + 1, kNewestJob, kLastShard), TurnOf(-kMaxPriority, 1, 0));
}

TEST(Turns, AJobOfManyShardsLetsAYoungerOneByAndThenTakesTurnsWithIt) {
  EXPECT_LT(TurnOf(0, 20, 0), TurnOf(0, 10, 500)) << "the younger one's training";
  const int far = 100 * kTasksOfATurn;  // where the older one is: 90 turns behind
  for (int shard = 0; shard < 90 * kTasksOfATurn; ++shard) {
    EXPECT_LT(TurnOf(0, 20, shard), TurnOf(0, 10, far)) << "it catches up";
  }
  EXPECT_LT(TurnOf(0, 10, far), TurnOf(0, 20, 91 * kTasksOfATurn)) << "and then they alternate";
  EXPECT_LT(TurnOf(0, 20, 91 * kTasksOfATurn), TurnOf(0, 10, far + 2 * kTasksOfATurn));
}

TEST(Turns, FewTasksOfAStageAreOneTurn) {
  EXPECT_EQ(TurnOf(0, 10, 0), TurnOf(0, 10, kTasksOfATurn - 1));
}

}  // namespace
}  // namespace alignflow
