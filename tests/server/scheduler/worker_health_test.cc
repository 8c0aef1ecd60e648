#include "server/scheduler/worker_health.h"

#include "gtest/gtest.h"

namespace alignflow {
namespace {

const absl::Time kHealthStart = absl::FromUnixSeconds(1000000);
const HealthPolicy kPolicy;

bool Fail(WorkerHealth& health, const std::string& task, absl::Time now = kHealthStart) {
  return NoteLeaseEnd(kPolicy, task, LeaseOutcome::kFailed, "no disk", now, health);
}

TEST(WorkerHealthTest, DifferentTasksInARowQuarantineAWorkerAndOneTaskDoesNot) {
  WorkerHealth health;
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(Fail(health, "the task's own fault"));
  EXPECT_FALSE(Fail(health, "second"));
  EXPECT_TRUE(Fail(health, "third"));
  EXPECT_TRUE(InQuarantine(health, kHealthStart));
  EXPECT_NE(health.reason.find("no disk"), std::string::npos);
}

TEST(WorkerHealthTest, ASuccessBetweenEndsTheRow) {
  WorkerHealth health;
  Fail(health, "first");
  Fail(health, "second");
  NoteLeaseEnd(kPolicy, "third", LeaseOutcome::kSucceeded, "", kHealthStart, health);
  EXPECT_FALSE(Fail(health, "fourth"));
}

TEST(WorkerHealthTest, AfterAQuarantineOneTaskDecidesAndEachTakesTwiceAsLong) {
  WorkerHealth health;
  for (const char* task : {"first", "second", "third"}) Fail(health, task);
  const absl::Time first_end = health.quarantine_end;
  EXPECT_FALSE(InQuarantine(health, first_end));
  EXPECT_TRUE(Fail(health, "fourth", first_end));
  EXPECT_EQ(health.quarantine_end - first_end, 2 * (first_end - kHealthStart));
  absl::Time now = health.quarantine_end;
  for (int i = 0; i < 100; ++i) Fail(health, "fifth", now);
  EXPECT_LE(health.quarantine_end, now + kPolicy.longest_quarantine);
  NoteLeaseEnd(kPolicy, "sixth", LeaseOutcome::kSucceeded, "", now, health);
  EXPECT_FALSE(InQuarantine(health, now));
}

TEST(WorkerHealthTest, WhatIsNoFaultOfTheWorkersDoesNotCount) {
  WorkerHealth health;
  for (const LeaseOutcome outcome : {LeaseOutcome::kUnsuited, LeaseOutcome::kHandedBack,
                                     LeaseOutcome::kCancelled, LeaseOutcome::kLost}) {
    for (const char* task : {"first", "second", "third"}) {
      EXPECT_FALSE(NoteLeaseEnd(kPolicy, task, outcome, "", kHealthStart, health));
    }
  }
  Fail(health, "bad input");
  Exonerate("bad input", health);
  Fail(health, "first");
  EXPECT_FALSE(Fail(health, "second"));
}

}  // namespace
}  // namespace alignflow
