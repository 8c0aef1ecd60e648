#include "server/scheduler/leases.h"

#include "absl/strings/str_cat.h"
#include "server/scheduler/state_machine.h"

namespace alignflow {
namespace {

constexpr char kSuccess[] = "success";
constexpr char kFailure[] = "failure";
constexpr char kRefused[] = "refused";
constexpr char kUnsuited[] = "unsuited";
constexpr char kHandedBack[] = "handed_back";
constexpr char kInputLost[] = "input_lost";
// Longer than any task takes: the end of what makes the input ends the wait.
constexpr absl::Duration kInputWait = absl::Hours(24 * 365);

absl::Status Refused(int64_t attempt, const TaskRecord& task) {
  return absl::FailedPreconditionError(absl::StrCat("attempt ", attempt, " does not hold task ",
                                                    task.key, " (latest attempt: ", task.attempt,
                                                    "); drop it"));
}

bool Holds(int64_t attempt, const TaskRecord& task) {
  return task.state == TaskState::kRunning && task.attempt == attempt;
}

bool Repeats(int64_t attempt, const char* outcome, const TaskRecord& task) {
  return task.attempt == attempt && task.reported == outcome;
}

// Ends the lease; the task goes on elsewhere.
absl::Status Requeue(absl::Time now, TaskRecord& task) {
  absl::Status moved = MoveTo(TaskState::kQueued, task.state);
  if (!moved.ok()) return moved;
  task.worker.clear();
  task.queue_time = now;
  return absl::OkStatus();
}

absl::Status Fail(const std::string& message, absl::Time now, TaskRecord& task) {
  absl::Status moved = MoveTo(TaskState::kFailed, task.state);
  if (!moved.ok()) return moved;
  task.worker.clear();
  task.error = message;
  task.end_time = now;
  return absl::OkStatus();
}

}  // namespace

absl::Status AssignLease(const LeasePolicy& policy, const std::string& worker, absl::Time now,
                         TaskRecord& task) {
  absl::Status moved = MoveTo(TaskState::kRunning, task.state);
  if (!moved.ok()) return moved;
  ++task.attempt;
  task.worker = worker;
  task.lease_expires = now + policy.duration;
  task.reported.clear();
  if (task.start_time == absl::UnixEpoch()) task.start_time = now;
  return absl::OkStatus();
}

absl::StatusOr<bool> RenewLease(const LeasePolicy& policy, const std::string& worker,
                                int64_t attempt, absl::Time now, TaskRecord& task) {
  if (task.state == TaskState::kCancelled && task.attempt == attempt) return true;
  if (!Holds(attempt, task)) return Refused(attempt, task);
  task.worker = worker;
  task.lease_expires = now + policy.duration;
  return false;
}

absl::StatusOr<ReportEffect> EndWithSuccess(int64_t attempt, absl::Time now, TaskRecord& task) {
  if (Repeats(attempt, kSuccess, task)) return ReportEffect::kRepeated;
  if (!Holds(attempt, task)) return Refused(attempt, task);
  absl::Status moved = MoveTo(TaskState::kSucceeded, task.state);
  if (!moved.ok()) return moved;
  task.reported = kSuccess;
  task.worker.clear();
  task.checkpoint.clear();
  task.progress.step = task.progress.total;
  task.end_time = now;
  return ReportEffect::kApplied;
}

absl::StatusOr<ReportEffect> EndWithFailure(const LeasePolicy& policy, int64_t attempt,
                                            LeaseOutcome outcome, const std::string& message,
                                            bool permanent, absl::Time now, TaskRecord& task,
                                            TaskTrials& trials) {
  const char* reported = outcome == LeaseOutcome::kRefused ? kRefused : kFailure;
  if (Repeats(attempt, reported, task)) return ReportEffect::kRepeated;
  if (!Holds(attempt, task)) return Refused(attempt, task);
  const std::string worker = task.worker;
  const int failures = task.failures + 1;
  const std::string times =
      permanent ? "" : absl::StrCat(" (", failures, " times; the last error is given)");
  absl::Status moved = permanent || failures >= policy.max_failures
                           ? Fail(absl::StrCat(message, times), now, task)
                           : Requeue(now, task);
  if (!moved.ok()) return moved;
  task.failures = failures;
  task.reported = reported;
  trials.not_before = now + BackoffDelay(policy.backoff, failures, 0.0);
  if (!worker.empty()) trials.tried[worker] = outcome;
  return ReportEffect::kApplied;
}

absl::StatusOr<ReportEffect> EndAsUnsuited(int64_t attempt, absl::Time now, TaskRecord& task,
                                           TaskTrials& trials) {
  if (Repeats(attempt, kUnsuited, task)) return ReportEffect::kRepeated;
  if (!Holds(attempt, task)) return Refused(attempt, task);
  const std::string worker = task.worker;
  absl::Status moved = Requeue(now, task);
  if (!moved.ok()) return moved;
  task.reported = kUnsuited;
  if (!worker.empty()) trials.tried[worker] = LeaseOutcome::kUnsuited;
  return ReportEffect::kApplied;
}

absl::StatusOr<ReportEffect> HandBack(const LeasePolicy& policy, int64_t attempt,
                                      const std::string& checkpoint, absl::Time now,
                                      TaskRecord& task, TaskTrials& trials) {
  if (Repeats(attempt, kHandedBack, task)) return ReportEffect::kRepeated;
  const bool cancelled = task.state == TaskState::kCancelled && task.attempt == attempt;
  if (!cancelled && !Holds(attempt, task)) return Refused(attempt, task);
  if (!cancelled) {
    const bool moved_on = !checkpoint.empty() && checkpoint != task.checkpoint;
    const int hand_backs = moved_on ? 0 : trials.hand_backs + 1;
    absl::Status moved =
        hand_backs >= policy.max_hand_backs
            ? Fail(absl::StrCat(hand_backs,
                                " times in a row a worker handed it back without having got any "
                                "further; see the workers' logs for what stops them, then start "
                                "the job again"),
                   now, task)
            : Requeue(now, task);
    if (!moved.ok()) return moved;
    trials.hand_backs = hand_backs;
  }
  task.reported = kHandedBack;
  if (!checkpoint.empty()) task.checkpoint = checkpoint;
  return ReportEffect::kApplied;
}

absl::StatusOr<ReportEffect> EndWithInputLost(const LeasePolicy& policy, int64_t attempt,
                                              const std::string& message, absl::Time now,
                                              TaskRecord& task, TaskTrials& trials) {
  if (Repeats(attempt, kInputLost, task)) return ReportEffect::kRepeated;
  if (!Holds(attempt, task)) return Refused(attempt, task);
  const int times = trials.hand_backs + 1;
  absl::Status moved = times >= policy.max_hand_backs
                           ? Fail(absl::StrCat(message, " (", times,
                                               " times in a row; see to the coordinator's disk, "
                                               "then start the job again)"),
                                  now, task)
                           : Requeue(now, task);
  if (!moved.ok()) return moved;
  trials.hand_backs = times;
  trials.not_before = now + kInputWait;
  task.reported = kInputLost;
  return ReportEffect::kApplied;
}

bool LeaseLives(const TaskRecord& task, int64_t attempt, absl::Time now) {
  if (Holds(attempt, task)) return true;
  return task.state == TaskState::kCancelled && task.attempt == attempt && task.reported.empty() &&
         now < task.lease_expires;
}

bool LeaseExpired(const TaskRecord& task, absl::Time now) {
  return task.state == TaskState::kRunning && task.lease_expires <= now;
}

absl::Status LoseLease(const LeasePolicy& policy, absl::Time now, TaskRecord& task) {
  const int losses = task.losses + (task.worker.empty() ? 0 : 1);
  absl::Status moved =
      losses >= policy.max_losses
          ? Fail(absl::StrCat(losses,
                              " workers were lost while computing it; see their logs (a machine "
                              "short of memory kills them), then start the job again"),
                 now, task)
          : Requeue(now, task);
  if (moved.ok()) task.losses = losses;
  return moved;
}

void ReopenLease(const LeasePolicy& policy, absl::Time now, TaskRecord& task) {
  task.worker.clear();
  task.lease_expires = now + policy.duration;
}

absl::Status QueueAgain(absl::Time now, TaskRecord& task) {
  absl::Status moved = MoveTo(TaskState::kQueued, task.state);
  if (!moved.ok()) return moved;
  task.failures = 0;
  task.losses = 0;
  task.error.clear();
  task.progress = {};
  task.queue_time = now;
  task.start_time = absl::UnixEpoch();
  task.end_time = absl::UnixEpoch();
  return absl::OkStatus();
}

absl::Status CancelTask(absl::Time now, TaskRecord& task) {
  absl::Status moved = MoveTo(TaskState::kCancelled, task.state);
  if (moved.ok()) task.end_time = now;
  return moved;
}

}  // namespace alignflow
