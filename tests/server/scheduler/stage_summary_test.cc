#include "server/scheduler/stage_summary.h"

#include "gtest/gtest.h"

namespace alignflow {
namespace {

StageCount Count(TaskState state, int64_t tasks, int64_t reused = 0) {
  StageCount count;
  count.stage = "generate";
  count.named = true;
  count.state = state;
  count.tasks = tasks;
  count.reused = reused;
  return count;
}

StageState StateOf(const std::vector<StageCount>& counts, JobState job = JobState::kRunning) {
  return SummariseStages(job, counts).front().state;
}

TEST(StageSummaryTest, StateFollowsFromTheTasks) {
  StageCount unnamed = Count(TaskState::kQueued, 2);
  unnamed.named = false;
  EXPECT_EQ(StateOf({unnamed}), StageState::kWaiting);
  EXPECT_EQ(StateOf({Count(TaskState::kQueued, 2)}), StageState::kQueued);
  EXPECT_EQ(StateOf({Count(TaskState::kQueued, 1), Count(TaskState::kRunning, 1)}),
            StageState::kRunning);
  EXPECT_EQ(StateOf({Count(TaskState::kQueued, 1), Count(TaskState::kSucceeded, 1)}),
            StageState::kRunning)
      << "between two shards";
  EXPECT_EQ(StateOf({Count(TaskState::kSucceeded, 2)}), StageState::kSucceeded);
  EXPECT_EQ(StateOf({Count(TaskState::kSucceeded, 2, 1)}), StageState::kSucceeded);
  EXPECT_EQ(StateOf({Count(TaskState::kSucceeded, 2, 2)}), StageState::kReused);
  EXPECT_EQ(StateOf({Count(TaskState::kSucceeded, 1), Count(TaskState::kFailed, 1)}),
            StageState::kFailed);
}

TEST(StageSummaryTest, WhatAnEndedJobDidNotReachIsCancelled) {
  EXPECT_EQ(StateOf({Count(TaskState::kQueued, 1)}, JobState::kCancelled), StageState::kCancelled);
  EXPECT_EQ(StateOf({Count(TaskState::kCancelled, 1)}, JobState::kFailed), StageState::kCancelled);
  EXPECT_EQ(StateOf({Count(TaskState::kSucceeded, 1)}, JobState::kCancelled),
            StageState::kSucceeded);
}

TEST(StageSummaryTest, ShardsThatHaveNotSaidTheirTotalCountAsTheAverage) {
  StageCount running = Count(TaskState::kRunning, 1);
  running.step = 5;
  running.total = 20;
  running.tasks_with_total = 1;
  const StageSummary stage =
      SummariseStages(JobState::kRunning, {running, Count(TaskState::kQueued, 3)}).front();
  EXPECT_EQ(stage.step, 5);
  EXPECT_EQ(stage.steps_total, 80);
}

TEST(StageSummaryTest, WaitingReasonSaysWhatAPersonCanAct) {
  EXPECT_EQ(WaitingReason(0, {}), "no worker is connected");
  EXPECT_EQ(WaitingReason(0, {"jobs/x"}), "no worker is connected");
  EXPECT_EQ(WaitingReason(1, {"jobs/x"}), "1 worker, busy with jobs/x");
  EXPECT_EQ(WaitingReason(2, {"jobs/x", "jobs/y"}), "2 workers, busy with jobs/x, jobs/y");
  EXPECT_EQ(WaitingReason(1, {}), "");
}

}  // namespace
}  // namespace alignflow
