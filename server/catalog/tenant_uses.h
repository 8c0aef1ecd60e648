#ifndef ALIGNFLOW_SERVER_CATALOG_TENANT_USES_H_
#define ALIGNFLOW_SERVER_CATALOG_TENANT_USES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/catalog/catalog.h"
#include "server/scheduler/quota.h"

// What tenants use, which triggers and these functions count. Within Catalog::Transact and
// CatalogReader::Read only.
namespace alignflow {

// What a tenant has now.
struct TenantLook {
  std::string name;
  int64_t queued_tasks = 0, jobs = 0, stored_bytes = 0;
};
// In the order in which the tenants were made.
std::vector<TenantLook> LookAtTenants(Sql& sql);

TenantUse UseOfTenant(Sql& sql, const std::string& tenant, absl::Time now);
// A job has asked for so many pairs; workers have worked for so long. On the day of `now`.
void AddPairs(WritingSql& sql, const std::string& tenant, int64_t pairs, absl::Time now);
void AddWorkerTime(WritingSql& sql, const std::string& tenant, absl::Duration time, absl::Time now);

// Whether the tenant may queue a job of so many pairs. FailedPrecondition if it is being deleted,
// ResourceExhausted beyond its limits.
absl::Status CheckTenantTakesJob(Sql& sql, const std::string& tenant, int64_t pairs,
                                 absl::Time now);
// The same for what is no job.
absl::Status CheckTenantIsOpen(Sql& sql, const std::string& tenant);
// Why tasks of the job's tenant are not handed out for now; empty if they are.
std::string WhyNoWorkerTimeOf(Sql& sql, const std::string& tenant, absl::Time now);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_TENANT_USES_H_
