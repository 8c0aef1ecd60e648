#ifndef ALIGNFLOW_SERVER_BLOB_MIGRATION_H_
#define ALIGNFLOW_SERVER_BLOB_MIGRATION_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/objects/bucket_options.h"

namespace alignflow {

struct MigratedBlobs {
  int64_t blobs = 0;                 // that the bucket has now
  int64_t copied = 0;                // the others were there already
  std::vector<std::string> damaged;  // digests of those that were damaged before; they are left out
};

// Moves the blobs of a state folder, whose coordinator must not be at work, into a bucket. Each is
// checked against its digest before it is sent, the store checks what has come, and in the end the
// bucket is listed; only then the folder's own are removed and the state folder's blobs are the
// bucket's. Interrupted, it goes on where it stopped when it is called again. `progress` gets how
// many of how many are done, now and then.
absl::StatusOr<MigratedBlobs> MigrateBlobs(
    const std::filesystem::path& state, const BucketOptions& bucket,
    const std::function<void(int64_t done, int64_t all)>& progress);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_BLOB_MIGRATION_H_
