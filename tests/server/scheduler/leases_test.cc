#include "server/scheduler/leases.h"

#include "gtest/gtest.h"

namespace alignflow {
namespace {

const absl::Time kLeasesStart = absl::FromUnixSeconds(1000000);
const LeasePolicy kLeasePolicy{.duration = absl::Seconds(15), .max_failures = 3, .max_losses = 10};

TaskRecord Queued() {
  TaskRecord task;
  task.key = "key";
  task.queue_time = kLeasesStart;
  return task;
}

TaskRecord Leased() {
  TaskRecord task = Queued();
  EXPECT_TRUE(AssignLease(kLeasePolicy, "worker", kLeasesStart, task).ok());
  return task;
}

absl::StatusOr<ReportEffect> Fail(TaskRecord& task, bool permanent = false,
                                  absl::Time now = kLeasesStart,
                                  LeaseOutcome outcome = LeaseOutcome::kFailed) {
  static TaskTrials ignored;
  return EndWithFailure(kLeasePolicy, task.attempt, outcome, "the disk is full", permanent, now,
                        task, ignored);
}

absl::StatusOr<ReportEffect> HandBack(int64_t attempt, const std::string& checkpoint,
                                      TaskRecord& task) {
  static TaskTrials ignored;
  ignored.hand_backs = 0;
  return HandBack(kLeasePolicy, attempt, checkpoint, kLeasesStart, task, ignored);
}

TEST(LeasesTest, EachLeaseHasAHigherAttemptNumber) {
  TaskRecord task = Leased();
  EXPECT_EQ(task.attempt, 1);
  ASSERT_TRUE(LoseLease(kLeasePolicy, kLeasesStart, task).ok());
  ASSERT_TRUE(AssignLease(kLeasePolicy, "other", kLeasesStart, task).ok());
  EXPECT_EQ(task.attempt, 2);
}

TEST(LeasesTest, ATaskIsNeverLeasedTwiceAtATime) {
  TaskRecord task = Leased();
  EXPECT_FALSE(AssignLease(kLeasePolicy, "other", kLeasesStart, task).ok());
  EXPECT_EQ(task.worker, "worker");
}

TEST(LeasesTest, AHeartbeatRenewsTheLease) {
  TaskRecord task = Leased();
  const absl::Time later = kLeasesStart + absl::Seconds(10);
  EXPECT_FALSE(RenewLease(kLeasePolicy, "worker", 1, later, task).value());
  EXPECT_FALSE(LeaseExpired(task, kLeasesStart + absl::Seconds(20)));
  EXPECT_TRUE(LeaseExpired(task, kLeasesStart + absl::Seconds(25)));
}

TEST(LeasesTest, ALateWorkersWritesAreRefused) {
  TaskTrials trials;
  TaskRecord task = Leased();
  ASSERT_TRUE(LoseLease(kLeasePolicy, kLeasesStart, task).ok());
  // Lost, but not leased again yet.
  EXPECT_TRUE(absl::IsFailedPrecondition(EndWithSuccess(1, kLeasesStart, task).status()));
  ASSERT_TRUE(AssignLease(kLeasePolicy, "other", kLeasesStart, task).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(
      RenewLease(kLeasePolicy, "worker", 1, kLeasesStart, task).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(EndWithSuccess(1, kLeasesStart, task).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(EndAsUnsuited(1, kLeasesStart, task, trials).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(EndWithFailure(kLeasePolicy, 1, LeaseOutcome::kFailed,
                                                        "late", false, kLeasesStart, task, trials)
                                             .status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(HandBack(1, "checkpoint", task).status()));
  EXPECT_EQ(task.worker, "other");
  EXPECT_EQ(task.state, TaskState::kRunning);
  EXPECT_EQ(task.failures, 0);
  EXPECT_EQ(task.checkpoint, "");
}

TEST(LeasesTest, TheThirdFailureIsFinalAndKeepsTheMessage) {
  TaskRecord task = Leased();
  for (int failure = 1; failure < 3; ++failure) {
    ASSERT_TRUE(Fail(task).ok());
    EXPECT_EQ(task.state, TaskState::kQueued);
    ASSERT_TRUE(AssignLease(kLeasePolicy, "worker", kLeasesStart, task).ok());
  }
  ASSERT_TRUE(Fail(task).ok());
  EXPECT_EQ(task.state, TaskState::kFailed);
  EXPECT_EQ(task.error.rfind("the disk is full", 0), 0u);
}

TEST(LeasesTest, APermanentFailureIsFinalAtOnce) {
  TaskRecord task = Leased();
  ASSERT_TRUE(Fail(task, true).ok());
  EXPECT_EQ(task.state, TaskState::kFailed);
  EXPECT_EQ(task.error, "the disk is full");
}

TEST(LeasesTest, LostWorkersAreBoundedToo) {
  TaskRecord task = Leased();
  for (int loss = 1; loss < kLeasePolicy.max_losses; ++loss) {
    ASSERT_TRUE(LoseLease(kLeasePolicy, kLeasesStart, task).ok());
    ASSERT_EQ(task.state, TaskState::kQueued);
    ASSERT_TRUE(AssignLease(kLeasePolicy, "worker", kLeasesStart, task).ok());
  }
  ASSERT_TRUE(LoseLease(kLeasePolicy, kLeasesStart, task).ok());
  EXPECT_EQ(task.state, TaskState::kFailed);
}

TEST(LeasesTest, HandingBackIsNoFailureAndKeepsTheCheckpoint) {
  TaskRecord task = Leased();
  ASSERT_TRUE(HandBack(1, "checkpoint", task).ok());
  EXPECT_EQ(task.state, TaskState::kQueued);
  EXPECT_EQ(task.failures + task.losses, 0);
  EXPECT_EQ(task.checkpoint, "checkpoint");
}

TEST(LeasesTest, ARefusedResultCountsAsAFailure) {
  TaskRecord task = Leased();
  for (int refusal = 1; refusal < 3; ++refusal) {
    ASSERT_TRUE(Fail(task, false, kLeasesStart, LeaseOutcome::kRefused).ok());
    EXPECT_EQ(task.failures, refusal);
    ASSERT_TRUE(AssignLease(kLeasePolicy, "worker", kLeasesStart, task).ok());
  }
  ASSERT_TRUE(Fail(task, false, kLeasesStart, LeaseOutcome::kRefused).ok());
  EXPECT_EQ(task.state, TaskState::kFailed);
}

TEST(LeasesTest, FailuresBackOffAndTheWorkerIsRemembered) {
  TaskRecord task = Leased();
  TaskTrials trials;
  ASSERT_TRUE(EndWithFailure(kLeasePolicy, 1, LeaseOutcome::kFailed, "no", false, kLeasesStart,
                             task, trials)
                  .ok());
  const absl::Duration first = trials.not_before - kLeasesStart;
  EXPECT_GT(first, absl::ZeroDuration());
  EXPECT_EQ(trials.tried.at("worker"), LeaseOutcome::kFailed);
  ASSERT_TRUE(AssignLease(kLeasePolicy, "other", kLeasesStart, task).ok());
  ASSERT_TRUE(EndWithFailure(kLeasePolicy, 2, LeaseOutcome::kFailed, "no", false, kLeasesStart,
                             task, trials)
                  .ok());
  EXPECT_EQ(trials.not_before - kLeasesStart, 2 * first);
  EXPECT_EQ(trials.tried.size(), 2u);
}

TEST(LeasesTest, AnUnsuitedWorkerSaysNothingAgainstTheTask) {
  TaskRecord task = Leased();
  TaskTrials trials;
  for (int i = 1; i < 100; ++i) {
    ASSERT_TRUE(EndAsUnsuited(i, kLeasesStart, task, trials).ok());
    ASSERT_EQ(task.state, TaskState::kQueued);
    ASSERT_TRUE(AssignLease(kLeasePolicy, "worker", kLeasesStart, task).ok());
  }
  EXPECT_EQ(task.failures, 0);
  EXPECT_EQ(trials.not_before, absl::UnixEpoch());
}

TEST(LeasesTest, HandBacksWithoutProgressAreBounded) {
  TaskRecord task = Leased();
  TaskTrials trials;
  for (int i = 1; i < kLeasePolicy.max_hand_backs; ++i) {
    ASSERT_TRUE(HandBack(kLeasePolicy, i, "", kLeasesStart, task, trials).ok());
    ASSERT_EQ(task.state, TaskState::kQueued);
    ASSERT_TRUE(AssignLease(kLeasePolicy, "worker", kLeasesStart, task).ok());
  }
  TaskRecord moved_on = task;
  TaskTrials after = trials;
  ASSERT_TRUE(
      HandBack(kLeasePolicy, task.attempt, "new checkpoint", kLeasesStart, moved_on, after).ok());
  EXPECT_EQ(moved_on.state, TaskState::kQueued);
  EXPECT_EQ(after.hand_backs, 0);
  ASSERT_TRUE(HandBack(kLeasePolicy, task.attempt, "", kLeasesStart, task, trials).ok());
  EXPECT_EQ(task.state, TaskState::kFailed);
}

TEST(LeasesTest, HandingBackWithoutACheckpointKeepsTheEarlierOne) {
  TaskRecord task = Leased();
  task.checkpoint = "earlier";
  ASSERT_TRUE(HandBack(1, "", task).ok());
  EXPECT_EQ(task.checkpoint, "earlier");
}

TEST(LeasesTest, ARepeatedReportChangesNothing) {
  TaskRecord task = Leased();
  EXPECT_EQ(EndWithSuccess(1, kLeasesStart, task).value(), ReportEffect::kApplied);
  EXPECT_EQ(EndWithSuccess(1, kLeasesStart + absl::Hours(1), task).value(),
            ReportEffect::kRepeated);
  EXPECT_EQ(task.end_time, kLeasesStart);

  TaskRecord failed = Leased();
  EXPECT_EQ(Fail(failed).value(), ReportEffect::kApplied);
  EXPECT_EQ(Fail(failed).value(), ReportEffect::kRepeated);
  EXPECT_EQ(failed.failures, 1);
}

TEST(LeasesTest, ARepeatedReportOfAnotherOutcomeIsRefused) {
  TaskRecord task = Leased();
  ASSERT_TRUE(EndWithSuccess(1, kLeasesStart, task).ok());
  EXPECT_FALSE(Fail(task).ok());
  EXPECT_EQ(task.state, TaskState::kSucceeded);
}

TEST(LeasesTest, AWorkerOfACancelledTaskIsToldToStop) {
  TaskRecord task = Leased();
  ASSERT_TRUE(CancelTask(kLeasesStart, task).ok());
  EXPECT_TRUE(RenewLease(kLeasePolicy, "worker", 1, kLeasesStart, task).value());
  ASSERT_TRUE(HandBack(1, "checkpoint", task).ok());
  EXPECT_EQ(task.state, TaskState::kCancelled);
  EXPECT_EQ(task.checkpoint, "checkpoint") << "the same job, started again, goes on from there";
}

TEST(LeasesTest, AfterARestartTheWorkerGoesOnUnderItsNewId) {
  TaskRecord task = Leased();
  ReopenLease(kLeasePolicy, kLeasesStart + absl::Hours(1), task);
  EXPECT_FALSE(LeaseExpired(task, kLeasesStart + absl::Hours(1)));
  EXPECT_FALSE(RenewLease(kLeasePolicy, "new id", 1, kLeasesStart + absl::Hours(1), task).value());
  EXPECT_EQ(task.worker, "new id");
  EXPECT_EQ(task.attempt, 1);
}

TEST(LeasesTest, TheCoordinatorsRestartsAreNotCountedAsLostWorkers) {
  TaskRecord task = Leased();
  ReopenLease(kLeasePolicy, kLeasesStart, task);
  ASSERT_TRUE(LoseLease(kLeasePolicy, kLeasesStart, task).ok());
  EXPECT_EQ(task.losses, 0);
  EXPECT_EQ(task.state, TaskState::kQueued);
}

TEST(LeasesTest, AFailedTaskThatIsWantedAgainHasAllItsTriesAgain) {
  TaskRecord task = Leased();
  task.checkpoint = "checkpoint";
  ASSERT_TRUE(Fail(task, true).ok());
  ASSERT_TRUE(QueueAgain(kLeasesStart, task).ok());
  EXPECT_EQ(task.failures, 0);
  EXPECT_EQ(task.error, "");
  EXPECT_EQ(task.checkpoint, "checkpoint");
  ASSERT_TRUE(AssignLease(kLeasePolicy, "worker", kLeasesStart, task).ok());
  EXPECT_EQ(task.attempt, 2) << "the first attempt's worker may still be there";
}

}  // namespace
}  // namespace alignflow
