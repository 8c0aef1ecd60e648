#include "server/scheduler/stage_summary.h"

#include "gtest/gtest.h"

namespace alignflow {
namespace {

StageCount Stage(int64_t tasks) {
  StageCount count;
  count.stage = "generate";
  count.tasks = tasks;
  count.made = tasks;
  return count;
}

StageState StateOf(const StageCount& count, JobState job = JobState::kRunning) {
  return Summarise(job, count).state;
}

TEST(StageSummaryTest, StateFollowsFromTheTasks) {
  StageCount stage = Stage(2);
  EXPECT_EQ(StateOf(stage), StageState::kWaiting);
  stage.queued = 2;
  EXPECT_EQ(StateOf(stage), StageState::kQueued);
  stage.queued = stage.running = 1;
  EXPECT_EQ(StateOf(stage), StageState::kRunning);
  stage.running = 0;
  stage.succeeded = 1;
  EXPECT_EQ(StateOf(stage), StageState::kRunning) << "between two shards";
  stage.queued = 0;
  stage.failed = 1;
  EXPECT_EQ(StateOf(stage), StageState::kFailed);
  stage.failed = 0;
  stage.succeeded = 2;
  EXPECT_EQ(StateOf(stage), StageState::kSucceeded);
  stage.reused = 1;
  EXPECT_EQ(StateOf(stage), StageState::kSucceeded);
  stage.reused = 2;
  EXPECT_EQ(StateOf(stage), StageState::kReused);
}

TEST(StageSummaryTest, WhatAnEndedJobDidNotReachIsCancelled) {
  StageCount stage = Stage(1);
  stage.queued = 1;
  EXPECT_EQ(StateOf(stage, JobState::kCancelled), StageState::kCancelled);
  stage.queued = 0;
  stage.cancelled = 1;
  EXPECT_EQ(StateOf(stage, JobState::kFailed), StageState::kCancelled);
  stage.cancelled = 0;
  stage.succeeded = 1;
  EXPECT_EQ(StateOf(stage, JobState::kCancelled), StageState::kSucceeded);
}

TEST(StageSummaryTest, ShardsThatHaveNotSaidTheirTotalCountAsTheAverage) {
  StageCount stage = Stage(4);
  stage.step = 5;
  stage.total = 20;
  stage.tasks_with_total = 1;
  EXPECT_EQ(Summarise(JobState::kRunning, stage).step, 5);
  EXPECT_EQ(Summarise(JobState::kRunning, stage).steps_total, 80);
}

TEST(StageSummaryTest, WaitingReasonSaysWhatAPersonCanAct) {
  EXPECT_EQ(WaitingReason(0, {}), "no worker is connected");
  EXPECT_EQ(WaitingReason(0, {"jobs/x"}), "no worker is connected");
  EXPECT_EQ(WaitingReason(1, {"jobs/x"}), "1 worker, busy with jobs/x");
  EXPECT_EQ(WaitingReason(2, {"jobs/x", "jobs/y"}), "2 workers, busy with jobs/x, jobs/y");
  EXPECT_EQ(WaitingReason(5, {"jobs/v", "jobs/w", "jobs/x", "jobs/y", "jobs/z"}),
            "5 workers, busy with jobs/v, jobs/w, jobs/x and 2 more");
  EXPECT_EQ(WaitingReason(1, {}), "");
}

}  // namespace
}  // namespace alignflow
