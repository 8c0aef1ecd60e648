#ifndef ALIGNFLOW_SERVER_BLOBS_FOLDER_BLOBS_H_
#define ALIGNFLOW_SERVER_BLOBS_FOLDER_BLOBS_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/blobs/blob_store.h"

namespace alignflow {

// Blobs in a folder:
//
//   FOLDER/ab/cdef...  the blob abcdef..., complete, read-only
//   FOLDER/incoming/   what has arrived of blobs (incoming_blobs.h)
//   FOLDER/owners/     what is kept for uploads and leases (blob_owners.h)
//
// A blob appears by rename, after fsync and a check of its digest. Its file's time is when it was
// last written or asked for. Thread-safe.
class FolderBlobs final : public BlobStore {
 public:
  // Makes the folders where they are missing. FailedPrecondition, naming the folder and the remedy,
  // if that fails, or if its blobs are in a bucket.
  static absl::StatusOr<std::unique_ptr<FolderBlobs>> Open(const std::filesystem::path& folder);
  // Whether there is any blob in the folder.
  static bool HasAny(const std::filesystem::path& folder);
  // Removes them all.
  static void RemoveAll(const std::filesystem::path& folder);

  std::filesystem::path PathOf(const std::string& sha256) const;

  bool Contains(const std::string& sha256) override;
  absl::StatusOr<int64_t> SizeOf(const std::string& sha256) const override;
  absl::StatusOr<MappedBlob> Map(const std::string& sha256) override;
  void Remove(const std::string& sha256) override;
  Garbage CollectGarbage(absl::FunctionRef<bool(const std::string&)> is_referenced,
                         absl::Time cutoff) override;
  bool VisitBlobs(absl::FunctionRef<bool(const std::string& sha256, int64_t bytes, bool whole)>
                      visit) const override;

 private:
  explicit FolderBlobs(std::filesystem::path folder);
  absl::Status Publish(const std::string& sha256, const IncomingFile& file) override;
  absl::StatusOr<Found> Find(const std::string& sha256, int64_t offset) override;
  // Whether the file, of this blob, was removed.
  bool RemoveIfOld(const std::filesystem::path& file, const std::string& sha256, absl::Time cutoff,
                   int64_t& bytes);

  const std::filesystem::path folder_;
  absl::Mutex mutex_;  // orders removal against touching
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_BLOBS_FOLDER_BLOBS_H_
