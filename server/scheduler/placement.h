#ifndef ALIGNFLOW_SERVER_SCHEDULER_PLACEMENT_H_
#define ALIGNFLOW_SERVER_SCHEDULER_PLACEMENT_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/time/time.h"
#include "common/settings/task_spec.h"
#include "server/scheduler/fleet.h"
#include "server/scheduler/lease_outcome.h"

// Which worker may take which task. Pure. What is asked of a fleet costs as much as it has groups
// of equal abilities and as many workers as have tried the task.
namespace alignflow {

// What workers have made of a task since it was queued.
struct TaskTrials {
  int hand_backs = 0;                         // in a row, without a new checkpoint
  absl::Time not_before = absl::UnixEpoch();  // it waits until then, after a failure
  std::map<std::string, LeaseOutcome> tried;  // by worker: kFailed, kRefused or kUnsuited
  int64_t memory_bytes = 0;                   // workers with less ran out of memory; 0: none did
};

// What a task needs of a worker.
struct TaskNeeds {
  std::string preset;  // empty: any
  std::string model;   // folder of a pretrained model; empty: none
};
TaskNeeds NeedsOf(const TaskSpec& task);

// What the worker lacks for such tasks, as "has no model folder 'x'"; empty if it can do them.
std::string Lacks(const WorkerAbilities& worker, const TaskNeeds& needs);

// Whether the worker may take the task now. It may not if it is not connected or not open, lacks
// what the task needs, has said that it is unsuited or if the task has to wait; nor if there is
// another open worker that can and that suits better: one that has not failed the task where this
// one has, one with more memory where such as this one ran out, and an accelerator for a pretrained
// model.
bool MayTake(const std::string& worker, const TaskSpec& task, const TaskTrials& trials,
             const Fleet& fleet, absl::Time now);

// Whether an open worker other than `worker` could take the task that has not tried it yet.
bool AnotherCan(const std::string& worker, const TaskSpec& task, const TaskTrials& trials,
                const Fleet& fleet);

// Why no worker of the fleet can take the task, with the remedy; empty if one can.
std::string WhyNobodyCan(const TaskSpec& task, const TaskTrials& trials, const Fleet& fleet);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SCHEDULER_PLACEMENT_H_
