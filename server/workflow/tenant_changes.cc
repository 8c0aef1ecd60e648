// How tenants come, change and go.
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/catalog/datasets.h"
#include "server/catalog/job_details.h"
#include "server/catalog/tenant_blobs.h"
#include "server/catalog/tenant_uses.h"
#include "server/catalog/tenants.h"
#include "server/scheduler/state_machine.h"
#include "server/workflow/workflow.h"
#include "spdlog/spdlog.h"

namespace alignflow {
namespace {

// Looked up at once, and rows in one transaction.
constexpr int kPerStep = 100;
constexpr int kBlobsPerStep = 1000;

}  // namespace

absl::Status Workflow::CreateTenant(const TenantRecord& tenant) {
  return catalog_.Transact([&](WritingSql& sql) {
    if (InsertTenant(sql, tenant)) return absl::OkStatus();
    return absl::AlreadyExistsError(absl::StrCat("there is a tenant '", tenant.name, "' already"));
  });
}

absl::Status Workflow::ChangeTenant(const std::string& name,
                                    const std::function<absl::Status(TenantRecord&)>& change) {
  return catalog_.Transact([&](WritingSql& sql) {
    std::optional<TenantRecord> tenant = FindTenant(sql, name);
    if (!tenant) return NoTenant(name);
    absl::Status changed = change(*tenant);
    if (changed.ok()) UpdateTenant(sql, *tenant);
    return changed;
  });
}

absl::StatusOr<Workflow::DeletedTenant> Workflow::DeleteTenant(
    const std::string& name, const std::function<bool()>& cancelled, absl::Time now) {
  if (name == kDefaultTenant) {
    return absl::FailedPreconditionError("the default tenant can't be deleted");
  }
  DeletedTenant deleted;
  // From now on it takes nothing new.
  absl::Status status = catalog_.Transact([&](WritingSql& sql) {
    std::optional<TenantRecord> tenant = FindTenant(sql, name);
    if (!tenant) return NoTenant(name);
    tenant->deleting = true;
    UpdateTenant(sql, *tenant);
    deleted.stored_bytes = UseOfTenant(sql, name, now).stored_bytes;
    deleted.keys = RevokeKeysOfTenant(sql, name, now);
    return absl::OkStatus();
  });
  const auto go_on = [&] {
    if (status.ok() && cancelled()) status = absl::CancelledError("the client has gone");
    return status.ok();
  };
  for (bool more = true; more && go_on();) {
    std::vector<JobRecord> jobs;
    status = catalog_.Read([&](Sql& sql) {
      jobs = FindJobs(sql, {.tenant = name, .states = {}, .labels = {}, .oldest_first = true},
                      kPerStep);
      return absl::OkStatus();
    });
    more = !jobs.empty();
    for (const JobRecord& job : jobs) {
      if (!go_on()) break;
      if (!IsFinal(job.state)) status = CancelJob(job.id, now);
      // It may have ended by itself meanwhile.
      if (status.ok() || absl::IsFailedPrecondition(status)) status = DeleteJob(job.id, now);
      if (status.ok()) ++deleted.jobs;
    }
  }
  if (go_on()) status = Sweep();
  for (bool more = true; more && go_on();) {
    std::vector<DatasetRecord> datasets;
    status = catalog_.Read([&](Sql& sql) {
      datasets = ListDatasets(sql, name, INT64_MAX, kPerStep);
      return absl::OkStatus();
    });
    more = !datasets.empty();
    for (const DatasetRecord& dataset : datasets) {
      if (!go_on()) break;
      status = DeleteDataset(dataset.id);
      if (status.ok()) ++deleted.datasets;
    }
  }
  for (bool more = true; more && go_on();) {
    status = catalog_.Transact([&](WritingSql& sql) {
      more = ForgetBlobsOfTenant(sql, name, kBlobsPerStep);
      return absl::OkStatus();
    });
  }
  if (go_on()) {
    status = catalog_.Transact([&](WritingSql& sql) {
      DeleteTenantRow(sql, name);
      return absl::OkStatus();
    });
  }
  if (status.ok()) status = catalog_.ForgetDeleted();
  if (!status.ok()) return status;
  spdlog::info("tenant {} deleted: {} jobs, {} datasets, {} keys revoked", name, deleted.jobs,
               deleted.datasets, deleted.keys);
  return deleted;
}

}  // namespace alignflow
