#ifndef ALIGNFLOW_SERVER_WORKFLOW_TENANT_UPLOADS_H_
#define ALIGNFLOW_SERVER_WORKFLOW_TENANT_UPLOADS_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/blobs/blob_store.h"
#include "server/catalog/catalog.h"

namespace alignflow {

// Which blobs a tenant may read and refer to: those that something of its own refers to, which the
// catalog knows, and those that it has written itself, which are noted here and written to the
// catalog about every second. Those of the last second are forgotten by a kill: then they have to
// be sent again. Thread-safe.
class TenantUploads {
 public:
  // Both must outlive the object.
  TenantUploads(Catalog& catalog, BlobStore& blobs) : catalog_(catalog), blobs_(blobs) {}

  // Whether the blob is the tenant's, whether or not its file is there.
  absl::StatusOr<bool> Has(const std::string& tenant, const std::string& blob);
  // Whether so many bytes more are within the tenant's quota. ResourceExhausted; FailedPrecondition
  // if the tenant is being deleted.
  absl::Status CheckSpace(const std::string& tenant, int64_t bytes, absl::Time now);
  // The tenant has sent all bytes of the blob, and they had its digest.
  absl::Status Note(const std::string& tenant, const std::string& blob, int64_t bytes,
                    absl::Time now);

  // Writes down what was noted, and measures some of the blobs whose size is not known yet. Called
  // every second.
  absl::Status Flush(absl::Time now);
  // Forgets blobs that nothing of their tenant refers to since `cutoff` and whose files are gone,
  // in small steps. Called after a collection of garbage.
  absl::Status ForgetCollected(absl::Time cutoff);

 private:
  Catalog& catalog_;
  BlobStore& blobs_;
  absl::Mutex mutex_;
  // Bytes by tenant and blob.
  std::map<std::pair<std::string, std::string>, int64_t> noted_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_WORKFLOW_TENANT_UPLOADS_H_
