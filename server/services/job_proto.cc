#include "server/services/job_proto.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/catalog/jobs.h"
#include "server/catalog/results.h"
#include "server/catalog/tasks.h"
#include "server/scheduler/stage_summary.h"
#include "server/scheduler/state_machine.h"
#include "server/services/job_leases.h"
#include "server/services/requests.h"

namespace alignflow {
namespace {

v1::JobState ToProto(JobState state) {
  switch (state) {
    case JobState::kQueued:
      return v1::JOB_STATE_QUEUED;
    case JobState::kRunning:
      return v1::JOB_STATE_RUNNING;
    case JobState::kSucceeded:
      return v1::JOB_STATE_SUCCEEDED;
    case JobState::kFailed:
      return v1::JOB_STATE_FAILED;
    case JobState::kCancelled:
      return v1::JOB_STATE_CANCELLED;
  }
  return v1::JOB_STATE_UNSPECIFIED;
}

v1::StageState ToProto(StageState state) {
  switch (state) {
    case StageState::kWaiting:
      return v1::STAGE_STATE_WAITING;
    case StageState::kQueued:
      return v1::STAGE_STATE_QUEUED;
    case StageState::kRunning:
      return v1::STAGE_STATE_RUNNING;
    case StageState::kSucceeded:
      return v1::STAGE_STATE_SUCCEEDED;
    case StageState::kReused:
      return v1::STAGE_STATE_REUSED;
    case StageState::kFailed:
      return v1::STAGE_STATE_FAILED;
    case StageState::kCancelled:
      return v1::STAGE_STATE_CANCELLED;
  }
  return v1::STAGE_STATE_UNSPECIFIED;
}

void SetSpec(Sql& sql, const JobRecord& record, v1::AlignSpec& spec) {
  spec.set_source(absl::StrCat("datasets/", record.source));
  if (!record.target.empty()) spec.set_target(absl::StrCat("datasets/", record.target));
  spec.set_pairs(static_cast<int32_t>(record.pairs));
  spec.set_preset(record.preset);
  spec.mutable_settings()->insert(record.settings.begin(), record.settings.end());
  for (const ReferenceRecord& reference : ReferencesOfJob(sql, record.id)) {
    v1::ReferenceImage* added = spec.add_references();
    added->set_stem(reference.stem);
    added->mutable_image()->set_sha256(reference.image);
    added->mutable_image()->set_size_bytes(reference.size_bytes);
  }
}

// Rates of tasks that run side by side add up; of other values the latest counts.
void AddValues(const TaskProgress& progress, v1::Stage& stage) {
  for (const auto& [name, value] : progress.values) {
    double& sum = (*stage.mutable_values())[name];
    sum = absl::EndsWith(name, "_per_second") ? sum + value : value;
  }
  if (!progress.note.empty()) stage.set_note(progress.note);
}

void SetStage(Sql& sql, const std::string& job, const StageSummary& summary,
              const std::multimap<std::string, TaskProgress>& running, v1::Stage& stage) {
  stage.set_id(summary.id);
  stage.set_state(ToProto(summary.state));
  stage.set_tasks_total(static_cast<int32_t>(summary.tasks_total));
  stage.set_tasks_done(static_cast<int32_t>(summary.tasks_done));
  stage.set_tasks_reused(static_cast<int32_t>(summary.tasks_reused));
  stage.set_step(summary.step);
  stage.set_steps_total(summary.steps_total);
  stage.set_retries(static_cast<int32_t>(summary.retries));
  if (summary.start_time != absl::UnixEpoch()) {
    *stage.mutable_start_time() = ToTimestamp(summary.start_time);
  }
  if (summary.end_time != absl::UnixEpoch()) {
    *stage.mutable_end_time() = ToTimestamp(summary.end_time);
  }
  const auto [begin, end] = running.equal_range(summary.id);
  for (auto task = begin; task != end; ++task) AddValues(task->second, stage);
  if (begin != end) return;
  if (const auto latest = LatestTaskOfStage(sql, job, summary.id)) {
    AddValues(latest->progress, stage);
  }
}

std::string ModelName(Sql& sql, const std::string& job, const std::string& stage) {
  const auto place = FindJobTask(sql, job, stage, 0);
  if (!place || place->task_key.empty()) return "";
  const auto model = FindModelOfTask(sql, place->task_key);
  return model ? absl::StrCat("models/", model->id) : "";
}

// The jobs that workers compute for, each once.
std::vector<std::string> BusyWith(Sql& sql) {
  std::vector<std::string> names;
  for (const TaskRecord& task : TasksInState(sql, TaskState::kRunning)) {
    const std::vector<std::string> jobs = JobsWaitingFor(sql, task.key);
    if (jobs.empty()) continue;
    const std::string name = absl::StrCat("jobs/", jobs.front());
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  return names;
}

}  // namespace

v1::Job JobProto(Sql& sql, const JobRecord& record, const Fleet& fleet) {
  v1::Job job;
  job.set_name(absl::StrCat("jobs/", record.id));
  job.set_state(ToProto(record.state));
  SetSpec(sql, record, *job.mutable_spec());
  *job.mutable_create_time() = ToTimestamp(record.create_time);
  if (record.start_time != absl::UnixEpoch()) {
    *job.mutable_start_time() = ToTimestamp(record.start_time);
  }
  if (record.end_time != absl::UnixEpoch()) *job.mutable_end_time() = ToTimestamp(record.end_time);
  job.set_error(record.error);
  job.mutable_warnings()->Add(record.warnings.begin(), record.warnings.end());
  job.set_stage1_model(ModelName(sql, record.id, "fit"));
  job.set_stage2_model(ModelName(sql, record.id, "align"));

  std::multimap<std::string, TaskProgress> running;
  for (const TaskRecord& task : RunningTasksOfJob(sql, record.id)) {
    running.emplace(StageOfTask(sql, record.id, task.key), task.progress);
  }
  for (const StageSummary& stage : SummariseStages(record.state, CountStages(sql, record.id))) {
    SetStage(sql, record.id, stage, running, *job.add_stages());
    if (stage.id == "generate") {
      job.set_pairs_ready(static_cast<int32_t>(stage.pairs));
      job.set_pairs_left_out(static_cast<int32_t>(stage.pairs_left_out));
    }
  }
  AddLeaseEnds(sql, record.id, job);
  if (!IsFinal(record.state) && running.empty()) {
    job.set_waiting_reason(WhyNobodyTakes(sql, record.id, fleet));
  }
  if (record.state == JobState::kQueued && job.waiting_reason().empty()) {
    job.set_waiting_reason(WaitingReason(static_cast<int>(fleet.size()), BusyWith(sql)));
  }
  return job;
}

}  // namespace alignflow
