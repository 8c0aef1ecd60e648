#ifndef ALIGNFLOW_SERVER_SERVICES_SPACE_LOOK_H_
#define ALIGNFLOW_SERVER_SERVICES_SPACE_LOOK_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "alignflow/v1/server.pb.h"
#include "server/blobs/blob_store.h"
#include "server/catalog/catalog.h"

namespace alignflow {

// What took the space of the state folder.
struct SpaceLook {
  int64_t number = 0;                  // rises; given by SpaceLooks
  v1::ListSpaceUsesResponse response;  // all uses in their order, and the totals of blobs
};

// Looks at every reference of the tenant, and what it takes; of all tenants, and at every file, if
// the tenant is empty. Holds some 50 bytes of memory for each blob meanwhile.
// Reads in short transactions; Cancelled once `cancelled` says so.
absl::StatusOr<SpaceLook> LookAtSpace(CatalogReader& catalog, const BlobStore& blobs,
                                      const std::string& tenant,
                                      const std::function<bool()>& cancelled);

// Makes one look at a time and keeps the last few, for later pages. Thread-safe.
class SpaceLooks {
 public:
  using Look = std::function<absl::StatusOr<SpaceLook>()>;

  // What `look` finds. If another call is looking this one waits, and gets what that one finds.
  // Cancelled once `cancelled` says so.
  absl::StatusOr<std::shared_ptr<const SpaceLook>> Make(const Look& look,
                                                        const std::function<bool()>& cancelled);
  // An earlier one; null if it is not kept any more.
  std::shared_ptr<const SpaceLook> Find(int64_t number) const;

 private:
  mutable absl::Mutex mutex_;
  bool looking_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t made_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<std::shared_ptr<const SpaceLook>> kept_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_SPACE_LOOK_H_
