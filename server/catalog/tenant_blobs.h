#ifndef ALIGNFLOW_SERVER_CATALOG_TENANT_BLOBS_H_
#define ALIGNFLOW_SERVER_CATALOG_TENANT_BLOBS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/catalog/catalog.h"
#include "server/scheduler/fair_share.h"

// What belongs to which tenant, beside datasets and jobs (tenant_migration.h). Within
// Catalog::Transact and CatalogReader::Read only.
namespace alignflow {

// Whether something of the tenant refers to the blob, or has until lately, or the tenant has
// written it.
bool TenantHasBlob(Sql& sql, const std::string& tenant, const std::string& blob);
// Whether a job of the tenant has the task.
bool TenantHasTask(Sql& sql, const std::string& tenant, const std::string& task_key);

// A blob that a tenant has written itself.
struct TenantUpload {
  std::string tenant, blob;
  int64_t bytes = 0;
};
void InsertUploads(WritingSql& sql, const std::vector<TenantUpload>& uploads, absl::Time now);

// Blobs that nothing of their tenant refers to since before `cutoff`, behind `after`.
struct LooseBlob {
  std::string tenant, blob;
  int64_t since = 0;
};
std::vector<LooseBlob> LooseBlobs(Sql& sql, absl::Time cutoff, const LooseBlob& after, int limit);
// Unless something refers to it again.
void ForgetLooseBlob(WritingSql& sql, const LooseBlob& blob);

// Blobs whose size is not known yet.
std::vector<std::string> UnmeasuredBlobs(Sql& sql, int limit);
void SetBlobSize(WritingSql& sql, const std::string& blob, int64_t bytes);

// Forgets some blobs of a tenant whose datasets and jobs are gone. Returns whether there are more.
bool ForgetBlobsOfTenant(WritingSql& sql, const std::string& tenant, int limit);

// Tenants with queued tasks that have worker time left today, and their weights.
std::vector<FairShare::Waiting> WaitingTenants(Sql& sql, absl::Time now);
// How many queued jobs of the tenant come before the job, up to `limit`.
int64_t QueuedJobsBefore(Sql& sql, const std::string& job, int limit);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_TENANT_BLOBS_H_
