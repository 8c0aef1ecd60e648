#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/audit/audited_call.h"
#include "server/catalog/datasets.h"
#include "server/catalog/job_details.h"
#include "server/catalog/jobs.h"
#include "server/catalog/result_states.h"
#include "server/catalog/tasks.h"
#include "server/catalog/tenant_uses.h"
#include "server/workflow/job_graph.h"
#include "server/workflow/random_id.h"
#include "server/workflow/workflow.h"

// The part of the workflow that queues jobs.
namespace alignflow {
namespace {

// The results of the tasks that made the model must be there when the job takes them.
absl::Status CheckModel(Sql& sql, const JobRecord& job) {
  for (const auto& [stage, key] : job.model_tasks) {
    const auto result = ResultOfTask(sql, key);
    if (result && result->state == ResultState::kBad) {
      return absl::FailedPreconditionError(absl::StrCat("models/", job.model, " was declared bad (",
                                                        result->reason, "); make a new one"));
    }
    if (result && result->state == ResultState::kWhole && !OutputsOfTask(sql, key).empty()) {
      continue;
    }
    const bool behind = stage == "fit" && job.model_tasks.size() > 1;
    return absl::FailedPreconditionError(
        absl::StrCat(behind ? "the stage-1 model of " : "", "models/", job.model,
                     " is not there any more: its weights were deleted or are lost; a job that "
                     "makes it anew brings it back"));
  }
  return absl::OkStatus();
}

// "datasets/x" of the job's source or target must be what it was when the job was checked.
absl::Status TakeDataset(Sql& sql, const std::string& id, const std::string& digest,
                         DatasetRecord& taken) {
  if (id.empty()) return absl::OkStatus();
  const auto dataset = FindDataset(sql, id);
  if (dataset && dataset->digest == digest) {
    taken = *dataset;
    return absl::OkStatus();
  }
  return absl::NotFoundError(
      absl::StrCat("there is no datasets/", PublicId(id), " any more; push it again"));
}

}  // namespace

absl::StatusOr<std::string> Workflow::JobOfRequest(Sql& sql, const std::string& request_id,
                                                   const std::string& request_digest) {
  if (request_id.empty()) return std::string();
  const std::optional<JobRecord> earlier = FindJobByRequest(sql, request_id);
  if (!earlier) return std::string();
  const std::string digest = DetailsOfJob(sql, *earlier).request_digest;
  if (digest.empty() || digest == request_digest) return earlier->id;
  return absl::AlreadyExistsError(
      absl::StrCat("request_id: jobs/", earlier->id,
                   " was made from another request with this id; take a new one"));
}

absl::StatusOr<std::string> Workflow::CreateJob(JobRecord job, JobDetails details,
                                                const std::vector<ReferenceRecord>& references,
                                                absl::Time now) {
  absl::Status status =
      Apply(now, [&](Change& change) { return QueueJob(change, references, details, job); });
  if (!status.ok()) return status;
  return job.id;
}

absl::Status Workflow::TakeDatasets(Sql& sql, const JobRecord& job, JobDetails& details) {
  absl::Status there = TakeDataset(sql, job.source, job.source_digest, details.source);
  if (there.ok()) there = TakeDataset(sql, job.target, job.target_digest, details.target);
  DatasetRecord masks;
  return there.ok() ? TakeDataset(sql, job.masks, job.masks_digest, masks) : there;
}

absl::Status Workflow::QueueJob(Change& change, const std::vector<ReferenceRecord>& references,
                                JobDetails& details, JobRecord& job) {
  WritingSql& sql = change.sql;
  job.create_time = change.now;
  const absl::StatusOr<std::string> earlier =
      JobOfRequest(sql, job.request_id, details.request_digest);
  if (!earlier.ok()) return earlier.status();
  if (!earlier->empty()) {
    job.id = *earlier;
    return absl::OkStatus();
  }
  absl::Status there = TakeDatasets(sql, job, details);
  if (there.ok()) there = CheckModel(sql, job);
  if (!there.ok()) return there;
  absl::Status fits = CheckTenantTakesJob(sql, job.tenant, job.pairs, change.now);
  if (!fits.ok()) return fits;
  AddPairs(sql, job.tenant, job.pairs, change.now);
  do {
    job.id = RandomId(8);
  } while (FindJob(sql, job.id));
  InsertJob(sql, job, references);
  InsertJobDetails(sql, job, details);
  InsertJobGraph(sql, job);
  NameAuditedResource(absl::StrCat("jobs/", job.id));
  return Advance(change, blobs_, job.id);
}

}  // namespace alignflow
