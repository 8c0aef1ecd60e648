// What users add and delete besides jobs: datasets and models.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/catalog/datasets.h"
#include "server/catalog/jobs.h"
#include "server/catalog/results.h"
#include "server/catalog/retention.h"
#include "server/catalog/tasks.h"
#include "server/catalog/tenant_uses.h"
#include "server/workflow/workflow.h"

namespace alignflow {
namespace {

absl::Status NoSuchDataset(const std::string& id) {
  return absl::NotFoundError(
      absl::StrCat("there is no datasets/", PublicId(id), "; ListDatasets names those there are"));
}

}  // namespace

absl::StatusOr<DatasetRecord> Workflow::RegisterDataset(DatasetRecord record,
                                                        const std::vector<DatasetBlobs>& items) {
  absl::Status status = catalog_.Transact([&](WritingSql& sql) -> absl::Status {
    std::optional<DatasetRecord> earlier = FindDataset(sql, record.id);
    if (!earlier) {
      absl::Status open = CheckTenantIsOpen(sql, record.tenant);
      if (!open.ok()) return open;
      InsertDataset(sql, record, items);
      return absl::OkStatus();
    }
    if (earlier->digest != record.digest) {
      return absl::AlreadyExistsError(
          absl::StrCat("dataset_id: datasets/", PublicId(record.id),
                       " exists with other content; take another name or delete it first"));
    }
    record = *std::move(earlier);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return record;
}

absl::Status Workflow::DeleteDataset(const std::string& id) {
  absl::Status status = catalog_.Transact([&](WritingSql& sql) -> absl::Status {
    if (!FindDataset(sql, id)) return NoSuchDataset(id);
    if (const std::optional<std::string> job = UnfinishedJobWithDataset(sql, id)) {
      return absl::FailedPreconditionError(absl::StrCat(
          "jobs/", *job, " still uses datasets/", PublicId(id), "; cancel it or wait for its end"));
    }
    alignflow::DeleteDataset(sql, id);
    return absl::OkStatus();
  });
  return status.ok() ? catalog_.ForgetDeleted() : status;
}

absl::StatusOr<DatasetRecord> Workflow::SetRetention(const std::string& dataset,
                                                     std::optional<absl::Duration> age) {
  std::optional<DatasetRecord> record;
  absl::Status status = catalog_.Transact([&](WritingSql& sql) -> absl::Status {
    if (!alignflow::SetRetention(sql, dataset, age)) return NoSuchDataset(dataset);
    record = FindDataset(sql, dataset);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return *std::move(record);
}

absl::Status Workflow::DeleteModel(const std::string& tenant, const std::string& id) {
  return catalog_.Transact([&](WritingSql& sql) -> absl::Status {
    const std::optional<ModelRecord> record = FindModel(sql, id);
    if (!record || !TenantHasModel(sql, tenant, *record)) {
      return absl::NotFoundError(
          absl::StrCat("there is no models/", id, "; ListModels names those there are"));
    }
    if (const auto job = UnfinishedJobWithTask(sql, record->task_key, tenant)) {
      return absl::FailedPreconditionError(absl::StrCat("jobs/", *job, " still uses models/", id,
                                                        "; cancel it or wait for its end"));
    }
    if (LeaveModel(sql, tenant, *record)) return absl::OkStatus();
    // Without outputs the task counts as not done, so a later job computes it again.
    SetOutputs(sql, record->task_key, {});
    alignflow::DeleteModel(sql, id);
    return absl::OkStatus();
  });
}

}  // namespace alignflow
