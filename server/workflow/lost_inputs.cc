#include "server/workflow/lost_inputs.h"

#include <optional>
#include <utility>
#include <vector>

#include "server/catalog/result_states.h"
#include "server/catalog/task_trials.h"
#include "server/catalog/tasks.h"
#include "server/scheduler/leases.h"
#include "server/workflow/job_graph.h"
#include "server/workflow/workflow.h"
#include "spdlog/spdlog.h"

// The part of the workflow that has inputs made again which are gone from the disk.
namespace alignflow {

void EndWaitsFor(Change& change, const std::string& task_key) {
  for (const std::string& key : ReadersThatWait(change.sql, task_key, change.now)) {
    TaskTrials trials = TrialsOfTask(change.sql, key);
    trials.not_before = change.now;
    SetTrials(change.sql, key, trials);
    if (const std::optional<TaskRecord> reader = change.Find(key)) change.Save(*reader);
  }
}

absl::StatusOr<bool> Workflow::AwaitInput(const LeaseName& lease, const Failure& failure,
                                          absl::Time now) {
  // A worker's word is not enough.
  if (failure.missing_blob.empty() || blobs_.Contains(failure.missing_blob)) return false;
  std::vector<std::string> makers;
  absl::Status status = catalog_.Read([&](Sql& sql) {
    makers = MakersOfInput(sql, lease.task_key, failure.missing_blob);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  if (makers.empty()) return false;
  status = ChangeTask(lease.task_key, now, [&](Change& change, TaskRecord& task) -> absl::Status {
    task.worker = lease.worker;
    TaskTrials trials = TrialsOfTask(change.sql, task.key);
    absl::StatusOr<ReportEffect> effect =
        EndWithInputLost(policy_, lease.attempt, failure.message, now, task, trials);
    if (!effect.ok()) return effect.status();
    if (*effect == ReportEffect::kRepeated) return absl::OkStatus();
    SetTrials(change.sql, task.key, trials);
    change.Save(task);
    change.EndLease(task, "", LeaseOutcome::kInputLost, failure.message);
    spdlog::warn("{}: a file that it needs is gone and is made again", TaskText(change.sql, task));
    for (const std::string& key : makers) {
      std::optional<TaskRecord> maker = change.Find(key);
      if (!maker || maker->state != TaskState::kSucceeded) continue;  // it is on its way
      SetResult(change.sql, key, {.state = ResultState::kLost, .reason = "a file of it is gone"},
                now);
      absl::Status queued = MakeAgain(change, *maker);
      if (!queued.ok()) return queued;
    }
    return OnTaskMoved(change, blobs_, task);
  });
  if (!status.ok()) return status;
  return true;
}

}  // namespace alignflow
