#ifndef ALIGNFLOW_SERVER_BLOBS_BLOB_STORE_H_
#define ALIGNFLOW_SERVER_BLOBS_BLOB_STORE_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/blobs/blob_owners.h"
#include "server/blobs/blob_stream.h"
#include "server/blobs/incoming_blobs.h"
#include "server/blobs/mapped_blob.h"

namespace alignflow {

// NotFound, of a blob that is not there.
absl::Status NoBlob(const std::string& sha256);

// Bytes by the SHA-256 of them. A blob appears once all its bytes have come and match its digest:
// a kill leaves it whole or not there. Whatever is asked often or within a transaction (Contains,
// SizeOf, QueryWrite, Remove) waits for no network. Thread-safe.
class BlobStore {
 public:
  static constexpr int64_t kMaxBlobBytes = int64_t{64} << 30;

  virtual ~BlobStore() = default;
  BlobStore(const BlobStore&) = delete;
  BlobStore& operator=(const BlobStore&) = delete;

  // Whether the blob is there. If so its age starts anew: whoever asked will refer to it.
  virtual bool Contains(const std::string& sha256) = 0;
  // NotFound if it is not there.
  virtual absl::StatusOr<int64_t> SizeOf(const std::string& sha256) const = 0;

  using WriteProgress = BlobWriteProgress;
  // What has arrived of an unfinished write; the blob's size and true once it is complete.
  // `writer` names those who may go on with each other's unfinished writes.
  WriteProgress QueryWrite(const std::string& sha256, const std::string& writer = "") const;

  // A writer for the bytes from `offset` on: 0, or what QueryWrite answered. Null if the blob is
  // there. InvalidArgument for a malformed digest or a negative size, ResourceExhausted beyond
  // kMaxBlobBytes or what the disk has space for, OutOfRange if the offset is neither 0 nor where
  // the store stands. The store must outlive the writer.
  absl::StatusOr<std::unique_ptr<BlobWriter>> Write(const std::string& sha256, int64_t size,
                                                    int64_t offset, const std::string& writer = "");
  // Stores bytes for an owner and returns their digest.
  absl::StatusOr<std::string> Put(std::string_view bytes, const BlobOwner& owner, absl::Time now);

  // A reader from `offset` on. NotFound; OutOfRange beyond the end. A blob whose bytes turn out not
  // to match is removed, so that it can be written again. The store must outlive the reader.
  absl::StatusOr<std::unique_ptr<BlobReader>> Read(const std::string& sha256, int64_t offset);
  // The whole blob, checked. Also ResourceExhausted if it is larger than `limit`.
  absl::StatusOr<std::string> Get(const std::string& sha256, int64_t limit);

  // The blob's bytes, of one that is in a folder unchecked. NotFound.
  virtual absl::StatusOr<MappedBlob> Map(const std::string& sha256) = 0;

  // Removes the blob, if it is there.
  virtual void Remove(const std::string& sha256) = 0;

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
  virtual Garbage CollectGarbage(absl::FunctionRef<bool(const std::string&)> is_referenced,
                                 absl::Time cutoff) = 0;

  // Visits the blobs that are there, and what has arrived of unfinished ones, with their bytes.
  // False once `visit` returns false, which ends it. Holds nobody up.
  virtual bool VisitBlobs(
      absl::FunctionRef<bool(const std::string& sha256, int64_t bytes, bool whole)> visit)
      const = 0;

  // Unavailable, for people, with the remedy, while what the blobs are kept in does not answer.
  // Answers at once.
  virtual absl::Status Health() const { return absl::OkStatus(); }
  // Whether calls wait for a network.
  virtual bool IsRemote() const { return false; }

  // Called after each operation on a blob's bytes. To be set before the store is shared.
  void set_observer(BlobObserver observer) { observe_ = std::move(observer); }

  // For whom blobs are kept that nothing refers to yet.
  BlobOwners& owners() { return owners_; }
  const BlobOwners& owners() const { return owners_; }

 protected:
  // `folder` is this process's own and local, whatever the blobs are kept in; MakeFolders made what
  // it needs in it.
  explicit BlobStore(const std::filesystem::path& folder);
  // FailedPrecondition, naming the folder and the remedy, if that fails.
  static absl::Status MakeFolders(const std::filesystem::path& folder);

  // Makes a blob appear of a file with all its bytes. Unavailable: the file is kept for another
  // try; after any other error it is discarded.
  virtual absl::Status Publish(const std::string& sha256, const IncomingFile& file) = 0;
  struct Found {
    std::unique_ptr<BlobSource> source;  // begins at the offset asked for
    int64_t size = 0;                    // of the whole blob
    // Called once if the bytes don't match: what to tell.
    std::function<absl::Status(std::string_view how)> on_damage;
  };
  // NotFound; OutOfRange as CheckOffset says.
  virtual absl::StatusOr<Found> Find(const std::string& sha256, int64_t offset) = 0;
  static absl::Status CheckOffset(int64_t offset, int64_t size);

  const IncomingBlobs& incoming() const { return incoming_; }
  IncomingBlobs& incoming() { return incoming_; }

 private:
  BlobOwners owners_;
  IncomingBlobs incoming_;
  BlobObserver observe_ = [](BlobOperation, absl::Duration, const absl::Status&) {};
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_BLOBS_BLOB_STORE_H_
