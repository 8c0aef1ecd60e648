#include <algorithm>
#include <deque>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/digest.h"
#include "server/catalog/jobs.h"
#include "server/catalog/result_states.h"
#include "server/catalog/results.h"
#include "server/catalog/tasks.h"
#include "server/scheduler/plan.h"
#include "server/scheduler/state_machine.h"
#include "server/workflow/job_graph.h"
#include "server/workflow/workflow.h"
#include "spdlog/spdlog.h"

// The part of the workflow that takes results back.
namespace alignflow {
namespace {

constexpr int kMostJobsNamed = 100;
constexpr size_t kModelIdDigits = 12;  // the beginning of its task's key

absl::StatusOr<JobRecord> FindWithStage(Sql& sql, const std::string& id, const std::string& stage) {
  std::optional<JobRecord> job = FindJob(sql, id);
  if (!job) {
    return absl::NotFoundError(
        absl::StrCat("there is no jobs/", id, "; ListJobs names those there are"));
  }
  const std::vector<std::string> stages = Stages(PlanOf(*job));
  if (stage.empty() || std::ranges::find(stages, stage) != stages.end()) return *std::move(job);
  return absl::InvalidArgumentError(absl::StrCat("stage: jobs/", id, " has no stage '", stage,
                                                 "'; the nearest is ", Nearest(stage, stages)));
}

// The results of a stage, and with `derived` all that was made from them, one from another.
std::set<std::string> Reach(Sql& sql, const std::string& job, const std::string& stage,
                            bool derived) {
  std::set<std::string> reached;
  std::deque<std::string> next;
  for (const std::string& key : ResultsOfStage(sql, job, stage)) {
    reached.insert(key);
    next.push_back(key);
  }
  for (; derived && !next.empty(); next.pop_front()) {
    for (const std::string& key : ResultsMadeFrom(sql, next.front())) {
      if (reached.insert(key).second) next.push_back(key);
    }
  }
  return reached;
}

// An unfinished job would go on with what it has taken already.
absl::Status CheckUnused(Sql& sql, const std::set<std::string>& keys) {
  for (const std::string& key : keys) {
    const auto job = UnfinishedJobWithTask(sql, key);
    if (!job) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        "jobs/", *job, " uses these results and is not finished; cancel it or wait for its end"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Workflow::Distrusted> Workflow::DistrustResults(const std::string& id,
                                                               const std::string& stage,
                                                               const std::string& reason,
                                                               bool only_look, absl::Time now) {
  Distrusted found;
  absl::Status status = Apply(now, [&](Change& change) -> absl::Status {
    WritingSql& sql = change.sql;
    const absl::StatusOr<JobRecord> job = FindWithStage(sql, id, stage);
    if (!job.ok()) return job.status();
    const std::set<std::string> keys = Reach(sql, id, stage, true);
    absl::Status unused = only_look ? absl::OkStatus() : CheckUnused(sql, keys);
    if (!unused.ok()) return unused;
    std::set<std::string> jobs;
    for (const std::string& key : keys) {
      ++found.results[FindTask(sql, key)->spec.kind];
      for (std::string& with : JobsWithTask(sql, key, kMostJobsNamed)) jobs.insert(std::move(with));
      const auto model = FindModel(sql, key.substr(0, kModelIdDigits));
      if (model && model->task_key == key) found.models.push_back(model->id);
      if (!only_look) {
        SetResult(sql, key, {.state = ResultState::kBad, .reason = reason}, now);
      }
    }
    found.jobs.assign(jobs.begin(), jobs.end());
    if (only_look) return absl::OkStatus();
    for (const std::string& with : found.jobs) change.AddEvent(with);
    spdlog::warn("jobs/{}: {} results of and from stage {} are declared bad", id, keys.size(),
                 stage);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return found;
}

absl::StatusOr<std::string> Workflow::RerunJob(const std::string& id, const std::string& stage,
                                               const std::string& request_id, absl::Time now) {
  JobRecord job;
  JobDetails details;
  absl::Status status = Apply(now, [&](Change& change) -> absl::Status {
    WritingSql& sql = change.sql;
    absl::StatusOr<JobRecord> found = FindWithStage(sql, id, stage);
    if (!found.ok()) return found.status();
    if (!IsFinal(found->state)) {
      return absl::FailedPreconditionError(
          absl::StrCat("jobs/", id, " is not finished; cancel it or wait for its end"));
    }
    details = DetailsOfJob(sql, *found);
    details.request_digest = Sha256OfString(absl::StrCat("rerun of ", id, " from ", stage));
    job.request_id = request_id;
    job.source = found->source;
    job.source_digest = found->source_digest;
    job.target = found->target;
    job.target_digest = found->target_digest;
    job.references_digest = found->references_digest;
    job.pairs = found->pairs;
    job.preset = found->preset;
    job.settings = found->settings;
    job.warnings = found->warnings;
    const bool repeated = !request_id.empty() && FindJobByRequest(sql, request_id);
    if (!stage.empty() && !repeated) {
      const std::set<std::string> keys = Reach(sql, id, stage, false);
      absl::Status unused = CheckUnused(sql, keys);
      if (!unused.ok()) return unused;
      for (const std::string& key : keys) {
        SetResult(sql, key, {.state = ResultState::kBad, .reason = "it is to be made again"}, now);
      }
    }
    return QueueJob(change, ReferencesOfJob(sql, id), details, job);
  });
  if (!status.ok()) return status;
  return job.id;
}

}  // namespace alignflow
