#include "server/services/job_proto.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/steady_now.h"
#include "server/catalog/job_details.h"
#include "server/catalog/jobs.h"
#include "server/catalog/result_states.h"
#include "server/catalog/results.h"
#include "server/catalog/tenant_blobs.h"
#include "server/catalog/tenant_uses.h"
#include "server/scheduler/stage_summary.h"
#include "server/scheduler/state_machine.h"
#include "server/services/job_leases.h"
#include "server/services/job_weights.h"
#include "server/services/requests.h"

namespace alignflow {
namespace {

// Of the queued jobs before one.
constexpr int kMostQueuedTold = 100;

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

v1::JobKind ToProto(JobKind kind) {
  switch (kind) {
    case JobKind::kAlign:
      return v1::JOB_KIND_ALIGN;
    case JobKind::kFit:
      return v1::JOB_KIND_FIT;
    case JobKind::kGenerate:
      return v1::JOB_KIND_GENERATE;
  }
  return v1::JOB_KIND_UNSPECIFIED;
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
  spec.set_source(absl::StrCat("datasets/", PublicId(record.source)));
  if (!record.target.empty()) spec.set_target(absl::StrCat("datasets/", PublicId(record.target)));
  spec.set_pairs(static_cast<int32_t>(record.pairs));
  spec.set_preset(record.preset);
  spec.set_kind(ToProto(record.kind));
  if (!record.model.empty()) spec.set_model(absl::StrCat("models/", record.model));
  if (record.kind == JobKind::kFit && !record.references_digest.empty()) {
    spec.set_model(absl::StrCat(kWeightsCollection, record.references_digest));
  }
  if (!record.masks.empty()) spec.set_masks(absl::StrCat("datasets/", PublicId(record.masks)));
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

void SetStage(const StageSummary& summary, v1::Stage& stage) {
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
}

// The job's running tasks by stage.
using Running = std::multimap<std::string, LiveState::Running>;

Running FindRunning(Sql& sql, const std::string& job, const LiveState& live) {
  Running running;
  for (const RunningTask& task : RunningTasksOfJob(sql, job)) {
    if (auto found = live.Find(task.key)) running.emplace(task.stage, *std::move(found));
  }
  return running;
}

void AddStages(JobState state, std::vector<StageCount> stages, const Running& running,
               v1::Job& job) {
  for (StageCount& count : stages) {
    v1::Stage& stage = *job.add_stages();
    const auto [begin, end] = running.equal_range(count.stage);
    for (auto task = begin; task != end; ++task) {
      const TaskProgress& progress = task->second.progress;
      AddValues(progress, stage);
      count.step += progress.total > 0 ? progress.step : 0;
      count.total += progress.total;
      count.tasks_with_total += progress.total > 0 ? 1 : 0;
    }
    if (begin == end) AddValues(count.latest, stage);
    SetStage(Summarise(state, count), stage);
    if (count.stage == "generate") {
      job.set_pairs_ready(static_cast<int32_t>(count.pairs));
      job.set_pairs_left_out(static_cast<int32_t>(count.pairs_left_out));
    }
  }
}

void AddModels(Sql& sql, const std::string& job, v1::Job& response) {
  for (const auto& [stage, model] : ModelsOfJob(sql, job)) {
    (stage == "fit" ? response.mutable_stage1_model() : response.mutable_stage2_model())
        ->assign(absl::StrCat("models/", model));
  }
}

// The number's upper half counts what is committed; the lower half what is not: heartbeats of the
// job's tasks, and, while none of them runs, how often what it waits for has moved.
int64_t EventNumber(const JobRecord& record, const Running& running, int64_t queue_moves) {
  int64_t beats = running.empty() && !IsFinal(record.state) ? queue_moves : 0;
  for (const auto& [stage, task] : running) beats += task.beats;
  return (record.last_event << 32) + std::min(beats, int64_t{0xffffffff});
}

}  // namespace

JobState FromProto(v1::JobState state) {
  switch (state) {
    case v1::JOB_STATE_RUNNING:
      return JobState::kRunning;
    case v1::JOB_STATE_SUCCEEDED:
      return JobState::kSucceeded;
    case v1::JOB_STATE_FAILED:
      return JobState::kFailed;
    case v1::JOB_STATE_CANCELLED:
      return JobState::kCancelled;
    default:
      return JobState::kQueued;
  }
}

Surroundings SurroundingsOf(const ServiceContext& context, const std::string& tenant) {
  const int64_t queue_moves = context.workflow.live().queue_moves();
  std::vector<std::string> names;
  const LiveState::Work work = context.workflow.live().WorkOf(tenant);
  for (const std::string& job : work.jobs) {
    names.push_back(absl::StrCat("jobs/", job));
  }
  std::string reason = WaitingReason(context.workers.size(), names, work.of_others);
  return {.live = context.workflow.live(),
          .workers = context.workers,
          .queue_moves = queue_moves,
          .not_serving = context.serving.Reason(),
          .waiting_reason = std::move(reason)};
}

v1::Job JobProto(Sql& sql, const JobRecord& record, const Surroundings& around, int64_t* event) {
  v1::Job job;
  job.set_name(absl::StrCat("jobs/", record.id));
  job.set_state(ToProto(record.state));
  SetSpec(sql, record, *job.mutable_spec());
  *job.mutable_create_time() = ToTimestamp(record.create_time);
  if (record.start_time != absl::UnixEpoch()) {
    *job.mutable_start_time() = ToTimestamp(record.start_time);
  }
  if (record.end_time != absl::UnixEpoch()) *job.mutable_end_time() = ToTimestamp(record.end_time);
  const JobDetails details = DetailsOfJob(sql, record);
  job.set_display_name(details.display_name);
  job.mutable_labels()->insert(details.labels.begin(), details.labels.end());
  job.set_priority(details.priority);
  SetVersions(details, job);
  job.set_error(record.error);
  job.mutable_warnings()->Add(record.warnings.begin(), record.warnings.end());
  AddModels(sql, record.id, job);
  const Running running =
      IsFinal(record.state) ? Running() : FindRunning(sql, record.id, around.live);
  AddStages(record.state, CountStages(sql, record.id), running, job);
  AddLeaseEnds(sql, record.id, job);
  for (const BrokenStage& broken : BrokenStagesOfJob(sql, record.id)) {
    job.add_warnings(absl::StrCat(
        "results of stage ", broken.stage,
        broken.result.state == ResultState::kBad ? " were declared bad: " : " are lost: ",
        broken.result.reason, "; `afctl job rerun ", record.id, "` makes them again"));
  }
  if (!IsFinal(record.state) && running.empty()) {
    job.set_waiting_reason(around.not_serving.empty()
                               ? WhyNobodyTakes(sql, record.id, around.workers)
                               : around.not_serving);
    if (job.waiting_reason().empty()) {
      job.set_waiting_reason(WhyNoWorkerTimeOf(sql, record.tenant, SteadyNow()));
    }
  }
  if (record.state == JobState::kQueued && job.waiting_reason().empty()) {
    job.set_waiting_reason(around.waiting_reason);
    const int64_t before = QueuedJobsBefore(sql, record.id, kMostQueuedTold);
    if (before > 0 && !around.waiting_reason.empty()) {
      absl::StrAppend(job.mutable_waiting_reason(), "; ", before,
                      before == kMostQueuedTold ? " or more" : "",
                      before == 1 ? " queued job comes before it" : " queued jobs come before it");
    }
  }
  if (event != nullptr) *event = EventNumber(record, running, around.queue_moves);
  return job;
}

}  // namespace alignflow
