#ifndef ALIGNFLOW_SERVER_WORKFLOW_KEY_RING_H_
#define ALIGNFLOW_SERVER_WORKFLOW_KEY_RING_H_

#include <cstdint>
#include <filesystem>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/access/access.h"
#include "server/access/access_keys.h"
#include "server/catalog/catalog.h"

namespace alignflow {

// The access keys of a coordinator, which other processes make and revoke as well. Thread-safe.
class KeyRing {
 public:
  // `secret_file`: of the state folder. All must outlive the ring.
  KeyRing(Catalog& catalog, Access& access, std::filesystem::path secret_file)
      : catalog_(catalog), access_(access), secret_file_(std::move(secret_file)) {}

  // Has `access` know the keys and the secrets as they are now. Called every second.
  absl::Status Follow();

  struct NewKey {
    std::string name;
    Role role = Role::kViewer;
    std::string tenant;
    absl::Time expires = absl::InfiniteFuture();
  };
  // Makes a key, which opens from now on. NotFound for a tenant that there is not;
  // FailedPrecondition for a first key that is no admin's: nobody could make another over the wire.
  absl::StatusOr<NewAccessKey> Create(const NewKey& wanted, absl::Time now);
  // Has a key open nothing from now on. NotFound if there is none.
  absl::StatusOr<AccessKey> Revoke(const std::string& id, absl::Time now);

 private:
  Catalog& catalog_;
  Access& access_;
  const std::filesystem::path secret_file_;
  absl::Mutex mutex_;
  int64_t last_change_ ABSL_GUARDED_BY(mutex_) = -1;
  std::filesystem::file_time_type secret_time_ ABSL_GUARDED_BY(mutex_) = {};
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_WORKFLOW_KEY_RING_H_
