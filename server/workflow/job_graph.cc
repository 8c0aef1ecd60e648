#include "server/workflow/job_graph.h"

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/catalog/jobs.h"
#include "server/catalog/results.h"
#include "server/catalog/tasks.h"
#include "server/scheduler/leases.h"
#include "server/scheduler/plan.h"
#include "server/scheduler/state_machine.h"
#include "server/scheduler/task_rules.h"
#include "server/workflow/task_results.h"
#include "spdlog/spdlog.h"

namespace alignflow {
namespace {

// The outputs of a stage's prerequisites, or nothing while one of them is not done.
std::optional<std::map<TaskPlace, TaskOutputs>> InputsOfStage(Sql& sql, const JobRecord& job,
                                                              const std::string& stage) {
  std::map<TaskPlace, TaskOutputs> outputs;
  const std::vector<TaskPlace> places = Prerequisites(PlanOf(job), stage);
  // From the end, because those come last that end last: one look tells of a stage of many shards.
  for (auto at = places.rbegin(); at != places.rend(); ++at) {
    const TaskPlace& place = *at;
    const auto found = FindJobTask(sql, job.id, place.stage, place.ordinal);
    if (!found || found->task_key.empty()) return std::nullopt;
    const auto task = FindTask(sql, found->task_key);
    if (!task || task->state != TaskState::kSucceeded) return std::nullopt;
    outputs[place] = OutputsOfTask(sql, found->task_key);
  }
  return outputs;
}

absl::Status StartJob(Change& change, JobRecord& job) {
  if (job.state != JobState::kQueued) return absl::OkStatus();
  absl::Status moved = MoveTo(JobState::kRunning, job.state);
  if (!moved.ok()) return moved;
  job.start_time = change.now;
  UpdateJob(change.sql, job);
  change.MoveQueue();  // what they wait for
  return absl::OkStatus();
}

// Ends the job in a final state.
absl::Status EndJob(Change& change, JobState state, const std::string& error, JobRecord& job) {
  absl::Status moved = MoveTo(state, job.state);
  if (!moved.ok()) return moved;
  job.error = error;
  job.end_time = change.now;
  UpdateJob(change.sql, job);
  for (const std::string& key : UnwantedTasks(change.sql, job.id)) {
    TaskRecord task = FindTask(change.sql, key).value();
    const bool leased = task.state == TaskState::kRunning;
    moved = CancelTask(change.now, task);
    if (!moved.ok()) return moved;
    if (leased) change.EndLease(task, task.worker, LeaseOutcome::kCancelled, "", job.id);
    change.Save(task);
  }
  change.AddEvent(job.id);
  change.MoveQueue();
  return absl::OkStatus();
}

// Puts the task at its place in the job, and sees to it that it is queued unless it runs already or
// its result is there.
absl::Status NameTask(Change& change, BlobStore& blobs, JobRecord& job, JobTaskRecord place,
                      const TaskSpec& spec) {
  place.task_key = TaskKey(spec);
  std::optional<TaskRecord> task = FindTask(change.sql, place.task_key);
  if (!task) {
    task.emplace();
    task->key = place.task_key;
    task->spec = spec;
    task->queue_time = change.now;
    change.Insert(*task);
  } else if (task->state == TaskState::kRunning) {
    absl::Status started = StartJob(change, job);
    if (!started.ok()) return started;
  } else if (task->state != TaskState::kQueued) {
    place.reused = task->state == TaskState::kSucceeded &&
                   ResultsExist(spec, OutputsOfTask(change.sql, task->key),
                                PairsOfTask(change.sql, task->key), blobs);
    if (!place.reused) {
      absl::Status queued = QueueAgain(change.now, *task);
      if (!queued.ok()) return queued;
      change.Save(*task);
    }
  }
  NameJobTask(change.sql, job.id, place);
  return absl::OkStatus();
}

absl::Status NameStage(Change& change, BlobStore& blobs, JobRecord& job, const std::string& stage) {
  const auto inputs = InputsOfStage(change.sql, job, stage);
  if (!inputs) return absl::OkStatus();
  absl::StatusOr<std::vector<TaskSpec>> tasks = StageTasks(PlanOf(job), stage, *inputs);
  if (!tasks.ok()) {
    // The job alone fails: the task whose end led here is done and must not be computed again.
    const std::string error =
        absl::StrCat("stage ", stage, " cannot be planned: ", tasks.status().message());
    return EndJob(change, JobState::kFailed, error, job);
  }
  int reused = 0;
  for (size_t i = 0; i < tasks->size(); ++i) {
    JobTaskRecord place;
    place.stage = stage;
    place.ordinal = static_cast<int>(i);
    absl::Status named = NameTask(change, blobs, job, place, (*tasks)[i]);
    if (!named.ok()) return named;
    reused += FindJobTask(change.sql, job.id, stage, place.ordinal)->reused ? 1 : 0;
  }
  spdlog::info("jobs/{}: stage {}: {} tasks, {} reused", job.id, stage, tasks->size(), reused);
  return absl::OkStatus();
}

}  // namespace

PlanInput PlanOf(const JobRecord& job) {
  return {.source_digest = job.source_digest,
          .references_digest = job.references_digest,
          .target_digest = job.target_digest,
          .pairs = job.pairs,
          .preset = job.preset,
          .settings = job.settings};
}

void InsertJobGraph(Sql& sql, const JobRecord& job) {
  const PlanInput plan = PlanOf(job);
  JobTaskRecord place;
  for (const std::string& stage : Stages(plan)) {
    place.stage = stage;
    const int size = StageSize(plan, stage);
    for (place.ordinal = 0; place.ordinal < size; ++place.ordinal) {
      InsertJobTask(sql, job.id, place);
    }
    ++place.stage_order;
  }
}

absl::Status FailIfPlannedOtherwise(Change& change, JobRecord& job) {
  const PlanInput plan = PlanOf(job);
  std::map<std::string, int> sizes;
  for (const std::string& stage : Stages(plan)) sizes[stage] = StageSize(plan, stage);
  const absl::StatusOr<SettingMap> defaults = PresetDefaults(job.preset);
  const bool knows_all = defaults.ok() && std::ranges::all_of(*defaults, [&](const auto& setting) {
                           return job.settings.contains(setting.first);
                         });
  if (knows_all && sizes == StageSizes(change.sql, job.id)) return absl::OkStatus();
  return EndJob(change, JobState::kFailed,
                "another version of AlignFlow planned this job; create it again (what is done "
                "already and still valid will be reused)",
                job);
}

absl::Status Advance(Change& change, BlobStore& blobs, const std::string& id) {
  JobRecord job = FindJob(change.sql, id).value();
  absl::Status planned = FailIfPlannedOtherwise(change, job);
  if (!planned.ok() || IsFinal(job.state)) return planned;
  // In order, so that a stage whose results are all reused makes way for those after it.
  for (const std::string& stage : UnnamedStages(change.sql, id)) {
    absl::Status named = NameStage(change, blobs, job, stage);
    if (!named.ok() || IsFinal(job.state)) return named;
  }
  if (!AllTasksDone(change.sql, id)) {
    change.AddEvent(id);
    return absl::OkStatus();
  }
  absl::Status status = StartJob(change, job);
  if (status.ok()) status = EndJob(change, JobState::kSucceeded, "", job);
  return status;
}

absl::Status OnTaskStarted(Change& change, const TaskRecord& task) {
  for (const std::string& id : JobsWaitingFor(change.sql, task.key)) {
    JobRecord job = FindJob(change.sql, id).value();
    absl::Status started = StartJob(change, job);
    if (!started.ok()) return started;
    change.AddEvent(id);
  }
  return absl::OkStatus();
}

absl::Status OnTaskFailed(Change& change, const TaskRecord& task) {
  for (const std::string& id : JobsWaitingFor(change.sql, task.key)) {
    JobRecord job = FindJob(change.sql, id).value();
    const std::string error =
        absl::StrCat("stage ", StageOfTask(change.sql, id, task.key), " failed: ", task.error);
    absl::Status failed = EndJob(change, JobState::kFailed, error, job);
    if (!failed.ok()) return failed;
  }
  return absl::OkStatus();
}

absl::Status OnTaskSucceeded(Change& change, BlobStore& blobs, const TaskRecord& task) {
  for (const std::string& id : JobsWaitingFor(change.sql, task.key)) {
    absl::Status advanced = Advance(change, blobs, id);
    if (!advanced.ok()) return advanced;
  }
  return absl::OkStatus();
}

void OnTaskChanged(Change& change, const TaskRecord& task) {
  for (const std::string& id : JobsWaitingFor(change.sql, task.key)) change.AddEvent(id);
}

absl::Status CancelUnfinished(Change& change, JobRecord& job) {
  return EndJob(change, JobState::kCancelled, "", job);
}

}  // namespace alignflow
