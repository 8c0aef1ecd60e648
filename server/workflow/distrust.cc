#include <algorithm>
#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/digest.h"
#include "common/status_conversion.h"
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
// In one transaction.
constexpr size_t kResultsPerStep = 50;
constexpr size_t kReadsPerStep = 500;
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

using TaskKeys = std::vector<std::string>;

// Calls `step` with one part of the keys after another, each to be a transaction of its own.
absl::Status InSteps(const TaskKeys& keys, size_t most,
                     const std::function<absl::Status(const TaskKeys&)>& step) {
  absl::Status status;
  for (size_t at = 0; at < keys.size() && status.ok(); at += most) {
    const auto first = keys.begin() + static_cast<std::ptrdiff_t>(at);
    const auto count = static_cast<std::ptrdiff_t>(std::min(most, keys.size() - at));
    status = step(TaskKeys(first, first + count));
  }
  return status;
}

// The results of a stage, and with `derived` all of the tenant's that was made from them, one from
// another.
absl::StatusOr<TaskKeys> Reach(CatalogReader& catalog, const std::string& tenant,
                               const std::string& job, const std::string& stage, bool derived) {
  TaskKeys reached;
  absl::Status status = catalog.Read([&](Sql& sql) {
    reached = ResultsOfStage(sql, job, stage);
    return absl::OkStatus();
  });
  std::set<std::string> known(reached.begin(), reached.end());
  for (size_t next = 0; derived && status.ok() && next < reached.size();) {
    status = catalog.Read([&](Sql& sql) {
      for (const size_t end = next + kReadsPerStep; next < std::min(end, reached.size()); ++next) {
        for (const std::string& key : ResultsMadeFrom(sql, tenant, reached[next])) {
          if (known.insert(key).second) reached.push_back(key);
        }
      }
      return absl::OkStatus();
    });
  }
  if (!status.ok()) return status;
  return reached;
}

// An unfinished job would go on with what it has taken already. Another tenant's is not named.
absl::Status CheckUnused(Sql& sql, const std::string& tenant, const std::string& key) {
  if (!UnfinishedJobWithTask(sql, key)) return absl::OkStatus();
  const auto job = UnfinishedJobWithTask(sql, key, tenant);
  if (!job) {
    return absl::FailedPreconditionError(
        "a job that is not finished uses these results, which are shared; wait for its end");
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "jobs/", *job, " uses these results and is not finished; cancel it or wait for its end"));
}

absl::Status CheckUnused(CatalogReader& catalog, const std::string& tenant, const TaskKeys& keys) {
  return InSteps(keys, kReadsPerStep, [&](const TaskKeys& part) {
    return catalog.Read([&](Sql& sql) {
      absl::Status status;
      for (const std::string& key : part) status.Update(CheckUnused(sql, tenant, key));
      return status;
    });
  });
}

// What the results are, and the tenant's jobs that have them.
absl::Status Describe(CatalogReader& catalog, const std::string& tenant, const TaskKeys& keys,
                      Workflow::Distrusted& found, std::set<std::string>& jobs) {
  return InSteps(keys, kReadsPerStep, [&](const TaskKeys& part) {
    return catalog.Read([&](Sql& sql) {
      for (const std::string& key : part) {
        const std::optional<TaskRecord> task = FindTask(sql, key);
        if (!task) continue;  // deleted meanwhile
        ++found.results[task->spec.kind];
        for (std::string& job : JobsWithTask(sql, tenant, key, kMostJobsNamed)) {
          jobs.insert(std::move(job));
        }
        const auto model = FindModel(sql, key.substr(0, kModelIdDigits));
        if (model && model->task_key == key) found.models.push_back(model->id);
      }
      return absl::OkStatus();
    });
  });
}

}  // namespace

absl::Status Workflow::DeclareBad(const std::string& tenant, const std::vector<std::string>& keys,
                                  const std::string& reason, absl::Time now) {
  absl::Status status = CheckUnused(catalog_, tenant, keys);  // before the first is bad
  if (!status.ok()) return status;
  return InSteps(keys, kResultsPerStep, [&](const TaskKeys& part) {
    return Apply(now, [&](Change& change) {
      std::set<std::string> jobs;
      for (const std::string& key : part) {
        absl::Status unused = CheckUnused(change.sql, tenant, key);
        if (!unused.ok()) {
          return Annotate(unused, "some results are declared bad already, repeat it for the rest");
        }
        if (!ResultOfTask(change.sql, key)) continue;  // deleted meanwhile
        SetResult(change.sql, key, {.state = ResultState::kBad, .reason = reason}, now);
        for (std::string& job : JobsWithTask(change.sql, tenant, key, kMostJobsNamed)) {
          jobs.insert(std::move(job));
        }
      }
      for (const std::string& job : jobs) change.AddEvent(job);
      return absl::OkStatus();
    });
  });
}

absl::StatusOr<Workflow::Distrusted> Workflow::DistrustResults(const std::string& id,
                                                               const std::string& stage,
                                                               const std::string& reason,
                                                               bool only_look, absl::Time now) {
  std::string tenant;
  absl::Status status = catalog_.Read([&](Sql& sql) {
    const absl::StatusOr<JobRecord> job = FindWithStage(sql, id, stage);
    if (job.ok()) tenant = job->tenant;
    return job.status();
  });
  if (!status.ok()) return status;
  Distrusted found;
  std::set<std::string> jobs, seen;
  for (bool more = true; more && status.ok();) {
    absl::StatusOr<TaskKeys> keys = Reach(catalog_, tenant, id, stage, true);
    if (!keys.ok()) return keys.status();
    std::erase_if(*keys, [&](const std::string& key) { return !seen.insert(key).second; });
    status = Describe(catalog_, tenant, *keys, found, jobs);
    if (status.ok() && !only_look) status = DeclareBad(tenant, *keys, reason, now);
    // Meanwhile more may have been made from them.
    more = !only_look && !keys->empty();
  }
  if (!status.ok()) return status;
  found.jobs.assign(jobs.begin(), jobs.end());
  if (!only_look) {
    spdlog::warn("jobs/{}: {} results of and from stage {} are declared bad", id, seen.size(),
                 stage);
  }
  return found;
}

absl::StatusOr<std::string> Workflow::RerunJob(const std::string& id, const std::string& stage,
                                               const std::string& request_id, absl::Time now) {
  JobRecord job;
  JobDetails details;
  std::vector<ReferenceRecord> references;
  const auto is_repeated = [&](Sql& sql) {
    return !request_id.empty() && FindJobByRequest(sql, request_id).has_value();
  };
  bool repeated = false;
  absl::Status status = catalog_.Read([&](Sql& sql) -> absl::Status {
    absl::StatusOr<JobRecord> found = FindWithStage(sql, id, stage);
    if (!found.ok()) return found.status();
    if (!IsFinal(found->state)) {
      return absl::FailedPreconditionError(
          absl::StrCat("jobs/", id, " is not finished; cancel it or wait for its end"));
    }
    if (IsOfModel(PlanOf(*found), stage)) {
      return absl::InvalidArgumentError(
          absl::StrCat("stage: ", stage, " of jobs/", id, " is what made models/", found->model,
                       "; make that anew with the job that it is of, and then give the new one"));
    }
    details = DetailsOfJob(sql, *found);
    details.request_digest = Sha256OfString(absl::StrCat("rerun of ", id, " from ", stage));
    references = ReferencesOfJob(sql, id);
    job.request_id = request_id;
    job.tenant = found->tenant;
    job.source = found->source;
    job.source_digest = found->source_digest;
    job.target = found->target;
    job.target_digest = found->target_digest;
    job.references_digest = found->references_digest;
    job.pairs = found->pairs;
    job.preset = found->preset;
    job.settings = found->settings;
    job.kind = found->kind;
    job.model = found->model;
    job.model_tasks = found->model_tasks;
    job.masks = found->masks;
    job.masks_digest = found->masks_digest;
    job.warnings = found->warnings;
    repeated = is_repeated(sql);
    // Before results are declared bad in vain.
    return repeated ? absl::OkStatus() : TakeDatasets(sql, job, details);
  });
  if (!status.ok()) return status;
  if (!stage.empty() && !repeated) {
    const absl::StatusOr<TaskKeys> keys = Reach(catalog_, job.tenant, id, stage, false);
    if (!keys.ok()) return keys.status();
    status = DeclareBad(job.tenant, *keys, "it is to be made again", now);
  }
  absl::Status queued = Apply(now, [&](Change& change) {
    // What uses the results now may be the job that the same request has made meanwhile.
    if (!status.ok() && !is_repeated(change.sql)) return status;
    return QueueJob(change, references, details, job);
  });
  if (!queued.ok()) return queued;
  return job.id;
}

}  // namespace alignflow
