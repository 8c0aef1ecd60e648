#ifndef ALIGNFLOW_SERVER_BLOBS_BLOB_INDEX_H_
#define ALIGNFLOW_SERVER_BLOBS_BLOB_INDEX_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

struct sqlite3;

namespace alignflow {

struct IndexedBlob {
  std::string sha256;
  int64_t bytes = 0;
  absl::Time written = absl::InfinitePast();  // or found, of one that was there before this index
  bool doomed = false;                        // it is to be deleted, and counts as gone
};

// Which blobs a bucket holds, in a local file of SQLite, so that whether a blob is there costs no
// call over the network, and collecting garbage no list of the whole bucket. What it says is what
// holds: a blob that is in the bucket and not in here is not there yet. What is noted survives a
// power cut. Errors: ResourceExhausted for a full disk, DataLoss for a damaged file, each with the
// remedy; a file that is gone is made anew from the bucket. Thread-safe.
class BlobIndex {
 public:
  static absl::StatusOr<std::unique_ptr<BlobIndex>> Open(const std::filesystem::path& file);
  ~BlobIndex();
  BlobIndex(const BlobIndex&) = delete;
  BlobIndex& operator=(const BlobIndex&) = delete;

  // Whether the bucket was listed to its end once.
  absl::StatusOr<bool> IsComplete() const;
  absl::Status SetComplete();

  // Nothing if it is not there, or doomed.
  absl::StatusOr<std::optional<IndexedBlob>> Find(const std::string& sha256) const;
  // Adds a blob, or makes it the one that is there.
  absl::Status Add(const IndexedBlob& blob);
  // Adds those that are not known, all or none.
  absl::Status AddUnknown(const std::vector<IndexedBlob>& blobs);
  absl::Status Doom(const std::vector<std::string>& blobs);
  // Forgets those that are doomed.
  absl::Status ForgetDoomed(const std::vector<std::string>& blobs);
  // Forgets those that were written before `time`, doomed or not.
  absl::Status Forget(const std::vector<std::string>& blobs, absl::Time time);

  // Up to `limit` blobs after `after`, by digest, the doomed ones among them.
  absl::StatusOr<std::vector<IndexedBlob>> After(const std::string& after, int limit) const;
  absl::StatusOr<std::vector<IndexedBlob>> Doomed(int limit) const;

 private:
  BlobIndex() = default;
  absl::Status Run(const char* sql) const;
  // Runs the statement once for each blob, all or none.
  absl::Status RunForEach(const char* sql, const std::vector<IndexedBlob>& blobs);
  absl::StatusOr<std::vector<IndexedBlob>> Select(const char* sql, const std::string& blob,
                                                  int limit) const;
  absl::Status Error(const char* doing) const;

  std::filesystem::path file_;
  mutable absl::Mutex mutex_;
  sqlite3* sqlite_ = nullptr;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_BLOBS_BLOB_INDEX_H_
