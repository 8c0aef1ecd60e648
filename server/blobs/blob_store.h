#ifndef ALIGNFLOW_SERVER_BLOBS_BLOB_STORE_H_
#define ALIGNFLOW_SERVER_BLOBS_BLOB_STORE_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/blobs/blob_owners.h"
#include "server/blobs/blob_stream.h"
#include "server/blobs/mapped_blob.h"

namespace alignflow {

// Bytes by the SHA-256 of them, in a folder:
//
//   FOLDER/ab/cdef...           the blob abcdef..., complete, read-only
//   FOLDER/incoming/abcdef...   what has arrived of a blob; a broken write goes on from its end
//   FOLDER/incoming/abcdef...-W the same, of writers by the name W, who alone may go on with it
//   FOLDER/incoming/abcdef....N the same, of a second writer of the same bytes; not resumable
//   FOLDER/owners/              what is kept for uploads and leases (blob_owners.h)
//
// A blob appears by rename, after fsync and a check of its digest, so that a kill leaves it whole
// or not there. Its file's time is when it was last written or asked for. Thread-safe.
class BlobStore {
 public:
  static constexpr int64_t kMaxBlobBytes = int64_t{64} << 30;

  // Makes the folders where they are missing. FailedPrecondition, naming the folder and the remedy,
  // if that fails.
  static absl::StatusOr<std::unique_ptr<BlobStore>> Open(const std::filesystem::path& folder);

  // Whether the blob is there. If so its age starts anew: whoever asked will refer to it.
  bool Contains(const std::string& sha256);
  // NotFound if it is not there.
  absl::StatusOr<int64_t> SizeOf(const std::string& sha256) const;

  // What has arrived of an unfinished write; the blob's size and true once it is complete.
  struct WriteProgress {
    int64_t bytes = 0;
    bool complete = false;
  };
  // `writer` names those who may go on with each other's unfinished writes.
  WriteProgress QueryWrite(const std::string& sha256, const std::string& writer = "") const;

  // A writer for the bytes from `offset` on: 0, or what QueryWrite answered. Null if the blob is
  // there. InvalidArgument for a malformed digest or a negative size, ResourceExhausted beyond
  // kMaxBlobBytes, OutOfRange if the offset is neither 0 nor where the store stands. The store must
  // outlive the writer.
  absl::StatusOr<std::unique_ptr<BlobWriter>> Write(const std::string& sha256, int64_t size,
                                                    int64_t offset, const std::string& writer = "");
  // Stores bytes for an owner and returns their digest.
  absl::StatusOr<std::string> Put(std::string_view bytes, const BlobOwner& owner, absl::Time now);

  // A reader from `offset` on. NotFound; OutOfRange beyond the end. A blob whose bytes turn out not
  // to match is removed, so that it can be written again. The store must outlive the reader.
  absl::StatusOr<std::unique_ptr<BlobReader>> Read(const std::string& sha256, int64_t offset);
  // The whole blob, checked. Also ResourceExhausted if it is larger than `limit`.
  absl::StatusOr<std::string> Get(const std::string& sha256, int64_t limit);

  // The blob's bytes, unchecked. NotFound.
  absl::StatusOr<MappedBlob> Map(const std::string& sha256) const;

  // Removes the blob, if it is there.
  void Remove(const std::string& sha256);

  struct Garbage {
    int64_t blobs = 0;    // there before
    int64_t removed = 0;  // unreferenced and old
    int64_t removed_bytes = 0;
    int64_t orphans = 0;  // unreferenced, but not old yet
  };
  // Removes blobs that nothing refers to, and unfinished writes, last touched at or before
  // `cutoff`, except for those that were pinned since the latest owners().Collect. Call that first,
  // then find out what is referenced, so that what goes from an owner to the catalog meanwhile is
  // seen.
  Garbage CollectGarbage(absl::FunctionRef<bool(const std::string&)> is_referenced,
                         absl::Time cutoff);

  // Visits the blobs that are there, and what has arrived of unfinished ones, with their bytes.
  // False once `visit` returns false, which ends it. Holds nobody up.
  bool VisitFiles(
      absl::FunctionRef<bool(const std::string& sha256, int64_t bytes, bool whole)> visit) const;

  // Called after each operation on a blob's file. To be set before the store is shared.
  void set_observer(BlobObserver observer) { observe_ = std::move(observer); }

  // For whom blobs are kept that nothing refers to yet.
  BlobOwners& owners() { return owners_; }

 private:
  explicit BlobStore(std::filesystem::path folder);
  std::filesystem::path PathOf(const std::string& sha256) const;
  std::filesystem::path IncomingPath(const std::string& name) const;
  // Whether the file, of this blob, was removed.
  bool RemoveIfOld(const std::filesystem::path& file, const std::string& sha256, absl::Time cutoff,
                   int64_t& bytes);
  void EndWrite(const std::string& name);

  const std::filesystem::path folder_;
  BlobOwners owners_;
  BlobObserver observe_ = [](BlobOperation, absl::Duration, const absl::Status&) {};
  mutable absl::Mutex mutex_;      // orders removal against touching
  std::set<std::string> writing_;  // names of resumable files that have a writer
  int64_t next_private_ = 0;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_BLOBS_BLOB_STORE_H_
