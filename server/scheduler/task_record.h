#ifndef ALIGNFLOW_SERVER_SCHEDULER_TASK_RECORD_H_
#define ALIGNFLOW_SERVER_SCHEDULER_TASK_RECORD_H_

#include <compare>
#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "common/settings/task_spec.h"
#include "server/access/tenant_names.h"

// What the scheduler decides about, as plain data. The catalog keeps it. A time of
// absl::UnixEpoch() means "not yet".
namespace alignflow {

// The moves between states are in state_machine.h.
enum class JobState { kQueued, kRunning, kSucceeded, kFailed, kCancelled };
enum class TaskState { kQueued, kRunning, kSucceeded, kFailed, kCancelled };

// A task's turn among those that are queued, the least first: the oldest job that wants it, and its
// place there.
struct TaskRank {
  int64_t turn = 0;  // of the job's task (turns.h)
  int stage = 0;
  int ordinal = 0;
  auto operator<=>(const TaskRank&) const = default;
};

struct TaskRecord {
  std::string key;                      // TaskKey(spec), as ScopedTaskKey has it
  std::string tenant = kDefaultTenant;  // whose turn it takes, and whose worker time
  TaskSpec spec;
  TaskRank rank;
  TaskState state = TaskState::kQueued;
  // The lease. `attempt` numbers the leases of this task and never falls; `worker` is empty where
  // the coordinator has restarted and no worker has claimed the lease again.
  int64_t attempt = 0;
  std::string worker;
  absl::Time lease_expires = absl::UnixEpoch();
  std::string reported;  // how the latest attempt ended: "success", "failure", "handed_back" or ""
  int failures = 0;
  int losses = 0;          // workers that were lost with it
  std::string checkpoint;  // digest of the latest, or empty
  std::string error;
  TaskProgress progress;
  int64_t pairs = 0;           // that it made and that are handed out
  int64_t pairs_left_out = 0;  // that failed the gates
  absl::Time queue_time = absl::UnixEpoch();
  absl::Time start_time = absl::UnixEpoch();
  absl::Time end_time = absl::UnixEpoch();
};

// A stage of a job, as the catalog counts it while the job goes on; what becomes of its tasks after
// the job's end changes nothing any more.
struct StageCount {
  std::string stage;
  int order = 0;
  int64_t tasks = 0;  // that the stage has
  int64_t made = 0;   // places
  // Places by the state of their task.
  int64_t queued = 0, running = 0, succeeded = 0, failed = 0, cancelled = 0;
  int64_t reused = 0;
  // Sums over the tasks that do not run and whose total is known. Those that run are known to
  // server/workflow/live_state.h.
  int64_t step = 0, total = 0, tasks_with_total = 0;
  int64_t pairs = 0;
  int64_t pairs_left_out = 0;
  int64_t retries = 0;
  absl::Time start_time = absl::UnixEpoch();  // earliest, of those not reused
  absl::Time end_time = absl::UnixEpoch();    // latest, of those not reused
  TaskProgress latest;                        // values and note of the task that ended last
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SCHEDULER_TASK_RECORD_H_
