#include "server/workflow/job_graph.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/catalog/job_details.h"
#include "server/catalog/jobs.h"
#include "server/catalog/result_states.h"
#include "server/catalog/results.h"
#include "server/catalog/tasks.h"
#include "server/scheduler/leases.h"
#include "server/scheduler/plan.h"
#include "server/scheduler/state_machine.h"
#include "server/scheduler/task_rules.h"
#include "server/scheduler/turns.h"
#include "server/workflow/task_results.h"
#include "spdlog/spdlog.h"

namespace alignflow {
namespace {

// Tasks of a stage are made so that this many wait in the queue, and no more at once in one
// transaction: a job of a million pairs costs no more at any moment than one of a thousand.
constexpr int64_t kQueuedAhead = 32;
constexpr int kPlacesAtOnce = 64;
// Jobs that go on within the transaction that moved their task; the others follow.
constexpr size_t kJobsAtOnce = 16;

const StageCount& Find(const std::vector<StageCount>& stages, const std::string& stage) {
  return *std::ranges::find(stages, stage, &StageCount::stage);
}

// Whether the tasks that those of `stage` need have succeeded.
bool IsReady(Sql& sql, const JobRecord& job, const std::vector<StageCount>& stages,
             const std::string& stage) {
  return std::ranges::all_of(Prerequisites(PlanOf(job), stage), [&](const StagePart& part) {
    const StageCount& needed = Find(stages, part.stage);
    if (part.count >= needed.tasks) return needed.succeeded >= needed.tasks;
    return CountDone(sql, job.id, part.stage, part.count) >= part.count;
  });
}

std::map<TaskPlace, TaskOutputs> ReadInputs(Sql& sql, const JobRecord& job, const StagePart& part) {
  std::map<TaskPlace, TaskOutputs> outputs;
  for (const StagePart& input : InputsOf(PlanOf(job), part)) {
    for (auto& [ordinal, found] :
         OutputsOfPart(sql, job.id, input.stage, input.first, input.count)) {
      outputs[{input.stage, ordinal}] = std::move(found);
    }
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
    TaskRecord task = change.Find(key).value();
    const bool leased = task.state == TaskState::kRunning;
    moved = CancelTask(change.now, task);
    if (!moved.ok()) return moved;
    if (leased) change.EndLease(task, task.worker, LeaseOutcome::kCancelled, "");
    change.Save(task);
  }
  CloseJob(change.sql, job.id);
  change.AddEvent(job.id);
  change.MoveQueue();
  return absl::OkStatus();
}

// Whether there is a result of the task that is whole. One that turns out to be lost is noted as
// such: it stays lost until the task has succeeded again, whoever wants that.
bool CanReuse(Change& change, BlobStore& blobs, const TaskRecord& task) {
  const auto result = ResultOfTask(change.sql, task.key);
  if (!result || result->state != ResultState::kWhole) return false;
  if (ResultsExist(task.spec, OutputsOfTask(change.sql, task.key),
                   PairsOfTask(change.sql, task.key), blobs)) {
    return true;
  }
  SetResult(change.sql, task.key, {.state = ResultState::kLost, .reason = "a file of it is gone"},
            change.now);
  return false;
}

// Puts the task at its place in the job, and sees to it that it is queued unless it runs already or
// its result is there.
absl::Status MakeTask(Change& change, BlobStore& blobs, const JobRecord& job, int priority,
                      int stage_order, JobTaskRecord place, const TaskSpec& spec) {
  place.task_key = ScopedTaskKey(change.share_results ? kDefaultTenant : job.tenant, TaskKey(spec));
  const TaskRank rank{.turn = TurnOf(priority, job.sequence, place.ordinal),
                      .stage = stage_order,
                      .ordinal = place.ordinal};
  std::optional<TaskRecord> task = FindTask(change.sql, place.task_key);
  if (!task) {
    task.emplace();
    task->key = place.task_key;
    task->spec = spec;
    task->tenant = job.tenant;
    task->rank = rank;
    task->queue_time = change.now;
    change.Insert(*task);
  } else if (task->state == TaskState::kRunning) {
    change.Join(task->key);
  } else if (task->state == TaskState::kQueued) {
    if (rank < task->rank) {
      task->rank = rank;
      change.Save(*task);
    }
  } else {
    place.reused = CanReuse(change, blobs, *task);
    if (!place.reused) {
      task->rank = rank;
      task->tenant = job.tenant;
      absl::Status queued = MakeAgain(change, *task);
      if (!queued.ok()) return queued;
    }
  }
  InsertJobTask(change.sql, job.id, place);
  return absl::OkStatus();
}

// Puts the task that made the job's model at its place.
absl::Status TakeModelTask(Change& change, BlobStore& blobs, JobRecord& job,
                           const std::string& stage) {
  const auto key = job.model_tasks.find(stage);
  const std::optional<TaskRecord> task =
      key == job.model_tasks.end() ? std::nullopt : FindTask(change.sql, key->second);
  if (task && CanReuse(change, blobs, *task)) {
    InsertJobTask(change.sql, job.id,
                  {.stage = stage, .ordinal = 0, .task_key = task->key, .reused = true});
    return absl::OkStatus();
  }
  return EndJob(change, JobState::kFailed,
                absl::StrCat("models/", job.model,
                             " is not there any more: its weights were deleted or are lost; a job "
                             "that makes it anew brings it back"),
                job);
}

// Makes the stage's next tasks, at most `limit`. Returns how many.
absl::StatusOr<int> MakeTasks(Change& change, BlobStore& blobs, JobRecord& job,
                              const StageCount& stage, int limit) {
  const StagePart part{
      .stage = stage.stage,
      .first = static_cast<int>(stage.made),
      .count = static_cast<int>(std::min<int64_t>(limit, stage.tasks - stage.made))};
  if (IsOfModel(PlanOf(job), part.stage)) {
    absl::Status taken = TakeModelTask(change, blobs, job, part.stage);
    if (!taken.ok()) return taken;
    return part.count;
  }
  absl::StatusOr<std::vector<TaskSpec>> tasks =
      StageTasks(PlanOf(job), part, ReadInputs(change.sql, job, part));
  if (!tasks.ok()) {
    // The job alone fails: the task whose end led here is done and must not be computed again.
    absl::Status ended = EndJob(
        change, JobState::kFailed,
        absl::StrCat("stage ", part.stage, " cannot be planned: ", tasks.status().message()), job);
    if (!ended.ok()) return ended;
    return part.count;
  }
  JobTaskRecord place{.stage = part.stage, .ordinal = part.first, .task_key = "", .reused = false};
  const int priority = PriorityOfJob(change.sql, job.id);
  for (const TaskSpec& task : *tasks) {
    absl::Status made = MakeTask(change, blobs, job, priority, stage.order, place, task);
    if (!made.ok()) return made;
    ++place.ordinal;
  }
  if (stage.made == 0)
    spdlog::info("jobs/{}: stage {}: {} tasks", job.id, stage.stage, stage.tasks);
  return part.count;
}

// Makes the tasks that the job has come to, stage by stage, so that one whose results are all
// reused makes way for those after it.
absl::Status MakeNextTasks(Change& change, BlobStore& blobs, JobRecord& job,
                           std::vector<StageCount>& stages) {
  int left = kPlacesAtOnce;
  for (size_t i = 0; i < stages.size(); ++i) {
    while (stages[i].made < stages[i].tasks && stages[i].queued < kQueuedAhead &&
           IsReady(change.sql, job, stages, stages[i].stage)) {
      if (left <= 0) {
        change.Later(job.id);
        return absl::OkStatus();
      }
      absl::StatusOr<int> made = MakeTasks(change, blobs, job, stages[i], left);
      if (!made.ok()) return made.status();
      if (IsFinal(job.state)) return absl::OkStatus();
      left -= *made;
      stages = CountStages(change.sql, job.id);
    }
  }
  return absl::OkStatus();
}

absl::Status FailJob(Change& change, JobRecord& job, const JobTaskRecord& failed) {
  const std::string error = FindTask(change.sql, failed.task_key).value().error;
  return EndJob(change, JobState::kFailed, absl::StrCat("stage ", failed.stage, " failed: ", error),
                job);
}

std::map<std::string, int64_t> SizesOf(const PlanInput& plan) {
  std::map<std::string, int64_t> sizes;
  for (const std::string& stage : Stages(plan)) sizes[stage] = StageSize(plan, stage);
  return sizes;
}

}  // namespace

std::string TaskText(Sql& sql, const TaskRecord& task) {
  const std::optional<std::string> job = UnfinishedJobWithTask(sql, task.key);
  return absl::StrCat("task ", task.key.substr(0, 12), " (", task.spec.kind, ")",
                      job ? absl::StrCat(" of jobs/", *job) : "");
}

PlanInput PlanOf(const JobRecord& job) {
  return {.source_digest = job.source_digest,
          .references_digest = job.references_digest,
          .target_digest = job.target_digest,
          .pairs = job.pairs,
          .preset = job.preset,
          .settings = job.settings,
          .kind = job.kind,
          .masks_digest = job.masks_digest};
}

void InsertJobGraph(WritingSql& sql, const JobRecord& job) {
  const PlanInput plan = PlanOf(job);
  int order = 0;
  for (const std::string& stage : Stages(plan)) {
    InsertJobStage(sql, job.id, stage, order, StageSize(plan, stage));
    ++order;
  }
}

absl::Status TakeOver(Change& change, JobRecord& job) {
  std::map<std::string, int64_t> stored;
  for (const StageCount& stage : CountStages(change.sql, job.id)) stored[stage.stage] = stage.tasks;
  const absl::StatusOr<SettingMap> defaults = PresetDefaults(job.preset);
  if (defaults.ok()) {
    JobRecord completed = job;
    completed.settings.insert(defaults->begin(), defaults->end());
    if (SizesOf(PlanOf(completed)) == stored) {
      if (completed.settings == job.settings) return absl::OkStatus();
      job = completed;
      UpdateSettings(change.sql, job);
      return absl::OkStatus();
    }
    // A setting that is not there asks for nothing.
    if (SizesOf(PlanOf(job)) == stored) return absl::OkStatus();
  }
  return EndJob(change, JobState::kFailed,
                "another version of AlignFlow planned this job; create it again (what is done "
                "already and still valid will be reused)",
                job);
}

absl::Status Advance(Change& change, BlobStore& blobs, const std::string& id) {
  std::optional<JobRecord> job = FindJob(change.sql, id);
  if (!job || IsFinal(job->state)) return absl::OkStatus();
  change.AddEvent(id);
  if (const auto failed = FailedTaskOfJob(change.sql, id)) return FailJob(change, *job, *failed);
  std::vector<StageCount> stages = CountStages(change.sql, id);
  absl::Status status = MakeNextTasks(change, blobs, *job, stages);
  if (!status.ok() || IsFinal(job->state)) return status;
  const bool done = std::ranges::all_of(
      stages, [](const StageCount& stage) { return stage.succeeded == stage.tasks; });
  const bool started = done || std::ranges::any_of(stages, [](const StageCount& stage) {
                         return stage.running > 0 || stage.succeeded > stage.reused;
                       });
  if (started) status = StartJob(change, *job);
  if (status.ok() && done) status = EndJob(change, JobState::kSucceeded, "", *job);
  return status;
}

absl::Status OnTaskMoved(Change& change, BlobStore& blobs, const TaskRecord& task) {
  const std::vector<std::string> jobs = JobsWaitingFor(change.sql, task.key);
  if (task.state == TaskState::kSucceeded) CloseTask(change.sql, task.key);
  for (size_t i = 0; i < jobs.size(); ++i) {
    if (i >= kJobsAtOnce) {
      change.Later(jobs[i]);
      continue;
    }
    absl::Status advanced = Advance(change, blobs, jobs[i]);
    if (!advanced.ok()) return advanced;
  }
  return absl::OkStatus();
}

absl::Status MakeAgain(Change& change, TaskRecord& task) {
  ReopenTask(change.sql, task.key);
  for (const std::string& job : JobsWaitingFor(change.sql, task.key)) change.Later(job);
  absl::Status queued = QueueAgain(change.now, task);
  if (!queued.ok()) return queued;
  change.Save(task);
  return absl::OkStatus();
}

absl::Status CancelUnfinished(Change& change, JobRecord& job) {
  return EndJob(change, JobState::kCancelled, "", job);
}

}  // namespace alignflow
