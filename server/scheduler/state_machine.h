#ifndef ALIGNFLOW_SERVER_SCHEDULER_STATE_MACHINE_H_
#define ALIGNFLOW_SERVER_SCHEDULER_STATE_MACHINE_H_

#include "absl/status/status.h"
#include "server/scheduler/task_record.h"

// The states of jobs and tasks, and the only functions that change them.
//
//   job:   QUEUED -> RUNNING -> SUCCEEDED | FAILED | CANCELLED
//          QUEUED -> FAILED | CANCELLED
//   task:  QUEUED -> RUNNING     leased
//          RUNNING -> QUEUED     handed back, lost, or failed with tries left
//          RUNNING -> SUCCEEDED | FAILED
//          QUEUED | RUNNING -> CANCELLED              no unfinished job wants it any more
//          SUCCEEDED | FAILED | CANCELLED -> QUEUED   wanted again, and there is no result to reuse
namespace alignflow {

bool IsFinal(JobState state);
bool IsFinal(TaskState state);

// Moves to `next`, or returns Internal and changes nothing if there is no such arrow above: callers
// check what a client may ask before.
absl::Status MoveTo(JobState next, JobState& state);
absl::Status MoveTo(TaskState next, TaskState& state);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SCHEDULER_STATE_MACHINE_H_
