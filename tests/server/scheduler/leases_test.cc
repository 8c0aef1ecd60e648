#include "server/scheduler/leases.h"

#include "gtest/gtest.h"

namespace alignflow {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1000000);
const LeasePolicy kPolicy{.duration = absl::Seconds(15), .max_failures = 3, .max_losses = 10};

TaskRecord Queued() {
  TaskRecord task;
  task.key = "key";
  task.queue_time = kStart;
  return task;
}

TaskRecord Leased() {
  TaskRecord task = Queued();
  EXPECT_TRUE(AssignLease(kPolicy, "worker", kStart, task).ok());
  return task;
}

absl::StatusOr<ReportEffect> Fail(TaskRecord& task, bool permanent = false, absl::Time now = kStart,
                                  LeaseOutcome outcome = LeaseOutcome::kFailed) {
  static TaskTrials ignored;
  return EndWithFailure(kPolicy, task.attempt, outcome, "the disk is full", permanent, now, task,
                        ignored);
}

absl::StatusOr<ReportEffect> HandBack(int64_t attempt, const std::string& checkpoint,
                                      TaskRecord& task) {
  static TaskTrials ignored;
  ignored.hand_backs = 0;
  return HandBack(kPolicy, attempt, checkpoint, kStart, task, ignored);
}

TEST(LeasesTest, EachLeaseHasAHigherAttemptNumber) {
  TaskRecord task = Leased();
  EXPECT_EQ(task.attempt, 1);
  ASSERT_TRUE(LoseLease(kPolicy, kStart, task).ok());
  ASSERT_TRUE(AssignLease(kPolicy, "other", kStart, task).ok());
  EXPECT_EQ(task.attempt, 2);
}

TEST(LeasesTest, ATaskIsNeverLeasedTwiceAtATime) {
  TaskRecord task = Leased();
  EXPECT_FALSE(AssignLease(kPolicy, "other", kStart, task).ok());
  EXPECT_EQ(task.worker, "worker");
}

TEST(LeasesTest, AHeartbeatRenewsTheLease) {
  TaskRecord task = Leased();
  const absl::Time later = kStart + absl::Seconds(10);
  EXPECT_FALSE(RenewLease(kPolicy, "worker", 1, later, task).value());
  EXPECT_FALSE(LeaseExpired(task, kStart + absl::Seconds(20)));
  EXPECT_TRUE(LeaseExpired(task, kStart + absl::Seconds(25)));
}

TEST(LeasesTest, ALateWorkersWritesAreRefused) {
  TaskTrials trials;
  TaskRecord task = Leased();
  ASSERT_TRUE(LoseLease(kPolicy, kStart, task).ok());
  // Lost, but not leased again yet.
  EXPECT_TRUE(absl::IsFailedPrecondition(EndWithSuccess(1, kStart, task).status()));
  ASSERT_TRUE(AssignLease(kPolicy, "other", kStart, task).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(RenewLease(kPolicy, "worker", 1, kStart, task).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(EndWithSuccess(1, kStart, task).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(EndAsUnsuited(1, kStart, task, trials).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(
      EndWithFailure(kPolicy, 1, LeaseOutcome::kFailed, "late", false, kStart, task, trials)
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
    ASSERT_TRUE(AssignLease(kPolicy, "worker", kStart, task).ok());
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
  for (int loss = 1; loss < kPolicy.max_losses; ++loss) {
    ASSERT_TRUE(LoseLease(kPolicy, kStart, task).ok());
    ASSERT_EQ(task.state, TaskState::kQueued);
    ASSERT_TRUE(AssignLease(kPolicy, "worker", kStart, task).ok());
  }
  ASSERT_TRUE(LoseLease(kPolicy, kStart, task).ok());
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
    ASSERT_TRUE(Fail(task, false, kStart, LeaseOutcome::kRefused).ok());
    EXPECT_EQ(task.failures, refusal);
    ASSERT_TRUE(AssignLease(kPolicy, "worker", kStart, task).ok());
  }
  ASSERT_TRUE(Fail(task, false, kStart, LeaseOutcome::kRefused).ok());
  EXPECT_EQ(task.state, TaskState::kFailed);
}

TEST(LeasesTest, FailuresBackOffAndTheWorkerIsRemembered) {
  TaskRecord task = Leased();
  TaskTrials trials;
  ASSERT_TRUE(
      EndWithFailure(kPolicy, 1, LeaseOutcome::kFailed, "no", false, kStart, task, trials).ok());
  const absl::Duration first = trials.not_before - kStart;
  EXPECT_GT(first, absl::ZeroDuration());
  EXPECT_EQ(trials.tried.at("worker"), LeaseOutcome::kFailed);
  ASSERT_TRUE(AssignLease(kPolicy, "other", kStart, task).ok());
  ASSERT_TRUE(
      EndWithFailure(kPolicy, 2, LeaseOutcome::kFailed, "no", false, kStart, task, trials).ok());
  EXPECT_EQ(trials.not_before - kStart, 2 * first);
  EXPECT_EQ(trials.tried.size(), 2u);
}

TEST(LeasesTest, AnUnsuitedWorkerSaysNothingAgainstTheTask) {
  TaskRecord task = Leased();
  TaskTrials trials;
  for (int i = 1; i < 100; ++i) {
    ASSERT_TRUE(EndAsUnsuited(i, kStart, task, trials).ok());
    ASSERT_EQ(task.state, TaskState::kQueued);
    ASSERT_TRUE(AssignLease(kPolicy, "worker", kStart, task).ok());
  }
  EXPECT_EQ(task.failures, 0);
  EXPECT_EQ(trials.not_before, absl::UnixEpoch());
}

TEST(LeasesTest, HandBacksWithoutProgressAreBounded) {
  TaskRecord task = Leased();
  TaskTrials trials;
  for (int i = 1; i < kPolicy.max_hand_backs; ++i) {
    ASSERT_TRUE(HandBack(kPolicy, i, "", kStart, task, trials).ok());
    ASSERT_EQ(task.state, TaskState::kQueued);
    ASSERT_TRUE(AssignLease(kPolicy, "worker", kStart, task).ok());
  }
  TaskRecord moved_on = task;
  TaskTrials after = trials;
  ASSERT_TRUE(HandBack(kPolicy, task.attempt, "new checkpoint", kStart, moved_on, after).ok());
  EXPECT_EQ(moved_on.state, TaskState::kQueued);
  EXPECT_EQ(after.hand_backs, 0);
  ASSERT_TRUE(HandBack(kPolicy, task.attempt, "", kStart, task, trials).ok());
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
  EXPECT_EQ(EndWithSuccess(1, kStart, task).value(), ReportEffect::kApplied);
  EXPECT_EQ(EndWithSuccess(1, kStart + absl::Hours(1), task).value(), ReportEffect::kRepeated);
  EXPECT_EQ(task.end_time, kStart);

  TaskRecord failed = Leased();
  EXPECT_EQ(Fail(failed).value(), ReportEffect::kApplied);
  EXPECT_EQ(Fail(failed).value(), ReportEffect::kRepeated);
  EXPECT_EQ(failed.failures, 1);
}

TEST(LeasesTest, ARepeatedReportOfAnotherOutcomeIsRefused) {
  TaskRecord task = Leased();
  ASSERT_TRUE(EndWithSuccess(1, kStart, task).ok());
  EXPECT_FALSE(Fail(task).ok());
  EXPECT_EQ(task.state, TaskState::kSucceeded);
}

TEST(LeasesTest, AWorkerOfACancelledTaskIsToldToStop) {
  TaskRecord task = Leased();
  ASSERT_TRUE(CancelTask(kStart, task).ok());
  EXPECT_TRUE(RenewLease(kPolicy, "worker", 1, kStart, task).value());
  ASSERT_TRUE(HandBack(1, "checkpoint", task).ok());
  EXPECT_EQ(task.state, TaskState::kCancelled);
  EXPECT_EQ(task.checkpoint, "checkpoint") << "the same job, started again, goes on from there";
}

TEST(LeasesTest, AfterARestartTheWorkerGoesOnUnderItsNewId) {
  TaskRecord task = Leased();
  ReopenLease(kPolicy, kStart + absl::Hours(1), task);
  EXPECT_FALSE(LeaseExpired(task, kStart + absl::Hours(1)));
  EXPECT_FALSE(RenewLease(kPolicy, "new id", 1, kStart + absl::Hours(1), task).value());
  EXPECT_EQ(task.worker, "new id");
  EXPECT_EQ(task.attempt, 1);
}

TEST(LeasesTest, TheCoordinatorsRestartsAreNotCountedAsLostWorkers) {
  TaskRecord task = Leased();
  ReopenLease(kPolicy, kStart, task);
  ASSERT_TRUE(LoseLease(kPolicy, kStart, task).ok());
  EXPECT_EQ(task.losses, 0);
  EXPECT_EQ(task.state, TaskState::kQueued);
}

TEST(LeasesTest, AFailedTaskThatIsWantedAgainHasAllItsTriesAgain) {
  TaskRecord task = Leased();
  task.checkpoint = "checkpoint";
  ASSERT_TRUE(Fail(task, true).ok());
  ASSERT_TRUE(QueueAgain(kStart, task).ok());
  EXPECT_EQ(task.failures, 0);
  EXPECT_EQ(task.error, "");
  EXPECT_EQ(task.checkpoint, "checkpoint");
  ASSERT_TRUE(AssignLease(kPolicy, "worker", kStart, task).ok());
  EXPECT_EQ(task.attempt, 2) << "the first attempt's worker may still be there";
}

}  // namespace
}  // namespace alignflow
