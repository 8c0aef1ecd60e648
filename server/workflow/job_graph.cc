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

absl::Status StartJob(Sql& sql, JobRecord& job, absl::Time now) {
  if (job.state != JobState::kQueued) return absl::OkStatus();
  absl::Status moved = MoveTo(JobState::kRunning, job.state);
  if (!moved.ok()) return moved;
  job.start_time = now;
  UpdateJob(sql, job);
  AddEventToQueuedJobs(sql, now);  // what they wait for
  return absl::OkStatus();
}

// Ends the job in a final state.
absl::Status EndJob(Sql& sql, JobState state, const std::string& error, JobRecord& job,
                    absl::Time now) {
  absl::Status moved = MoveTo(state, job.state);
  if (!moved.ok()) return moved;
  job.error = error;
  job.end_time = now;
  UpdateJob(sql, job);
  for (const std::string& key : UnwantedTasks(sql, job.id)) {
    TaskRecord task = FindTask(sql, key).value();
    moved = CancelTask(now, task);
    if (!moved.ok()) return moved;
    UpdateTask(sql, task);
  }
  AddEvent(sql, job.id, now);
  AddEventToQueuedJobs(sql, now);
  return absl::OkStatus();
}

// Puts the task at its place in the job, and sees to it that it is queued unless it runs already or
// its result is there.
absl::Status NameTask(Sql& sql, BlobStore& blobs, JobRecord& job, JobTaskRecord place,
                      const TaskSpec& spec, absl::Time now) {
  place.task_key = TaskKey(spec);
  std::optional<TaskRecord> task = FindTask(sql, place.task_key);
  if (!task) {
    task.emplace();
    task->key = place.task_key;
    task->spec = spec;
    task->queue_time = now;
    InsertTask(sql, *task);
  } else if (task->state == TaskState::kRunning) {
    absl::Status started = StartJob(sql, job, now);
    if (!started.ok()) return started;
  } else if (task->state != TaskState::kQueued) {
    place.reused =
        task->state == TaskState::kSucceeded &&
        ResultsExist(spec, OutputsOfTask(sql, task->key), PairsOfTask(sql, task->key), blobs);
    if (!place.reused) {
      absl::Status queued = QueueAgain(now, *task);
      if (!queued.ok()) return queued;
      UpdateTask(sql, *task);
    }
  }
  NameJobTask(sql, job.id, place);
  return absl::OkStatus();
}

absl::Status NameStage(Sql& sql, BlobStore& blobs, JobRecord& job, const std::string& stage,
                       absl::Time now) {
  const auto inputs = InputsOfStage(sql, job, stage);
  if (!inputs) return absl::OkStatus();
  absl::StatusOr<std::vector<TaskSpec>> tasks = StageTasks(PlanOf(job), stage, *inputs);
  if (!tasks.ok()) {
    // The job alone fails: the task whose end led here is done and must not be computed again.
    const std::string error =
        absl::StrCat("stage ", stage, " cannot be planned: ", tasks.status().message());
    return EndJob(sql, JobState::kFailed, error, job, now);
  }
  int reused = 0;
  for (size_t i = 0; i < tasks->size(); ++i) {
    JobTaskRecord place;
    place.stage = stage;
    place.ordinal = static_cast<int>(i);
    absl::Status named = NameTask(sql, blobs, job, place, (*tasks)[i], now);
    if (!named.ok()) return named;
    reused += FindJobTask(sql, job.id, stage, place.ordinal)->reused ? 1 : 0;
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

absl::Status FailIfPlannedOtherwise(Sql& sql, JobRecord& job, absl::Time now) {
  const PlanInput plan = PlanOf(job);
  std::map<std::string, int> sizes;
  for (const std::string& stage : Stages(plan)) sizes[stage] = StageSize(plan, stage);
  const absl::StatusOr<SettingMap> defaults = PresetDefaults(job.preset);
  const bool knows_all = defaults.ok() && std::ranges::all_of(*defaults, [&](const auto& setting) {
                           return job.settings.contains(setting.first);
                         });
  if (knows_all && sizes == StageSizes(sql, job.id)) return absl::OkStatus();
  return EndJob(sql, JobState::kFailed,
                "another version of AlignFlow planned this job; create it again (what is done "
                "already and still valid will be reused)",
                job, now);
}

absl::Status Advance(Sql& sql, BlobStore& blobs, const std::string& id, absl::Time now) {
  JobRecord job = FindJob(sql, id).value();
  absl::Status planned = FailIfPlannedOtherwise(sql, job, now);
  if (!planned.ok() || IsFinal(job.state)) return planned;
  // In order, so that a stage whose results are all reused makes way for those after it.
  for (const std::string& stage : UnnamedStages(sql, id)) {
    absl::Status named = NameStage(sql, blobs, job, stage, now);
    if (!named.ok() || IsFinal(job.state)) return named;
  }
  if (!AllTasksDone(sql, id)) {
    AddEvent(sql, id, now);
    return absl::OkStatus();
  }
  absl::Status status = StartJob(sql, job, now);
  if (status.ok()) status = EndJob(sql, JobState::kSucceeded, "", job, now);
  return status;
}

absl::Status OnTaskStarted(Sql& sql, const TaskRecord& task, absl::Time now) {
  for (const std::string& id : JobsWaitingFor(sql, task.key)) {
    JobRecord job = FindJob(sql, id).value();
    absl::Status started = StartJob(sql, job, now);
    if (!started.ok()) return started;
    AddEvent(sql, id, now);
  }
  return absl::OkStatus();
}

absl::Status OnTaskFailed(Sql& sql, const TaskRecord& task, absl::Time now) {
  for (const std::string& id : JobsWaitingFor(sql, task.key)) {
    JobRecord job = FindJob(sql, id).value();
    const std::string error =
        absl::StrCat("stage ", StageOfTask(sql, id, task.key), " failed: ", task.error);
    absl::Status failed = EndJob(sql, JobState::kFailed, error, job, now);
    if (!failed.ok()) return failed;
  }
  return absl::OkStatus();
}

absl::Status OnTaskSucceeded(Sql& sql, BlobStore& blobs, const TaskRecord& task, absl::Time now) {
  for (const std::string& id : JobsWaitingFor(sql, task.key)) {
    absl::Status advanced = Advance(sql, blobs, id, now);
    if (!advanced.ok()) return advanced;
  }
  return absl::OkStatus();
}

void OnTaskChanged(Sql& sql, const TaskRecord& task, absl::Time now) {
  for (const std::string& id : JobsWaitingFor(sql, task.key)) AddEvent(sql, id, now);
}

absl::Status CancelUnfinished(Sql& sql, JobRecord& job, absl::Time now) {
  return EndJob(sql, JobState::kCancelled, "", job, now);
}

}  // namespace alignflow
