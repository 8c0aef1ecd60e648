#ifndef ALIGNFLOW_SERVER_SCHEDULER_LEASES_H_
#define ALIGNFLOW_SERVER_SCHEDULER_LEASES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/backoff.h"
#include "server/scheduler/placement.h"
#include "server/scheduler/task_record.h"

// Who works on a task, for how long, and what follows from the end of it. Pure: the task and the
// time come in, the changed task goes out; a refused call changes nothing.
//
// A lease is known by its attempt number. Whoever writes with the current number while the task
// runs holds the lease, also after worker or coordinator have met anew under another worker id; any
// other write is refused with FailedPrecondition, and the worker drops the task.
namespace alignflow {

struct LeasePolicy {
  absl::Duration duration = absl::Seconds(15);  // without a heartbeat; then the worker is lost
  // The task then fails: failures and refused results in all; workers lost with it; hand-backs and
  // lost inputs in a row without a new checkpoint.
  int max_failures = 3;
  int max_losses = 10;
  int max_hand_backs = 20;
  // How long a task waits after a failure.
  BackoffPolicy backoff{.initial = absl::Seconds(1), .maximum = absl::Minutes(1), .jitter = 0.0};
};

// QUEUED -> RUNNING, under the next attempt number.
absl::Status AssignLease(const LeasePolicy& policy, const std::string& worker, absl::Time now,
                         TaskRecord& task);

// Renews the lease. Returns whether the worker shall stop: nobody wants the task any more.
absl::StatusOr<bool> RenewLease(const LeasePolicy& policy, const std::string& worker,
                                int64_t attempt, absl::Time now, TaskRecord& task);

// How a worker's report changed the task. A repeated report changes nothing and is no error.
enum class ReportEffect { kApplied, kRepeated };

// RUNNING -> SUCCEEDED. The checkpoint is no longer needed.
absl::StatusOr<ReportEffect> EndWithSuccess(int64_t attempt, absl::Time now, TaskRecord& task);

// A failure, or a result that was refused (`outcome` says which). RUNNING -> QUEUED, or FAILED with
// a message for the user if the failure is permanent or the last one allowed.
absl::StatusOr<ReportEffect> EndWithFailure(const LeasePolicy& policy, int64_t attempt,
                                            LeaseOutcome outcome, const std::string& message,
                                            bool permanent, absl::Time now, TaskRecord& task,
                                            TaskTrials& trials);

// The worker cannot do such tasks. RUNNING -> QUEUED, without a word against the task.
absl::StatusOr<ReportEffect> EndAsUnsuited(int64_t attempt, absl::Time now, TaskRecord& task,
                                           TaskTrials& trials);

// RUNNING -> QUEUED, or FAILED after too many in a row; a cancelled task stays so. `checkpoint` may
// be empty.
absl::StatusOr<ReportEffect> HandBack(const LeasePolicy& policy, int64_t attempt,
                                      const std::string& checkpoint, absl::Time now,
                                      TaskRecord& task, TaskTrials& trials);

// A file that the task needs is gone and is made again: `message` says which. RUNNING -> QUEUED
// until then, without a word against the task; FAILED after too many in a row.
absl::StatusOr<ReportEffect> EndWithInputLost(const LeasePolicy& policy, int64_t attempt,
                                              const std::string& message, absl::Time now,
                                              TaskRecord& task, TaskTrials& trials);

// Whether the attempt may still write: it runs, or its task is cancelled and the worker has not
// handed back yet.
bool LeaseLives(const TaskRecord& task, int64_t attempt, absl::Time now);

// Whether the lease has run out.
bool LeaseExpired(const TaskRecord& task, absl::Time now);

// RUNNING -> QUEUED, or FAILED if too many workers were lost with it. Losing a lease that nobody
// claimed again after the coordinator's restart does not count as one.
absl::Status LoseLease(const LeasePolicy& policy, absl::Time now, TaskRecord& task);

// After the coordinator's restart: a running task waits a full lease for its worker to come back.
void ReopenLease(const LeasePolicy& policy, absl::Time now, TaskRecord& task);

// SUCCEEDED | FAILED | CANCELLED -> QUEUED, with all tries again. Attempt number and checkpoint
// stay.
absl::Status QueueAgain(absl::Time now, TaskRecord& task);

// QUEUED | RUNNING -> CANCELLED. A worker that runs it learns so by its next heartbeat.
absl::Status CancelTask(absl::Time now, TaskRecord& task);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SCHEDULER_LEASES_H_
