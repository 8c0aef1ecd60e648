#ifndef ALIGNFLOW_SERVER_BLOBS_OBJECT_BLOBS_H_
#define ALIGNFLOW_SERVER_BLOBS_OBJECT_BLOBS_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/steady_now.h"
#include "server/blobs/blob_cache.h"
#include "server/blobs/blob_index.h"
#include "server/blobs/blob_store.h"
#include "server/objects/bucket.h"

namespace alignflow {

struct ObjectBlobsOptions {
  BucketOptions bucket;
  int64_t cache_bytes = int64_t{2} << 30;
  // By itself: deletes what is doomed, compares index and bucket, looks whether the store answers.
  bool tend = true;
};

// Blobs in a bucket, each an object by the name of its digest, of one coordinator's state folder.
// In the state folder are, besides what is for every store (blob_store.h):
//
//   FOLDER/bucket        which bucket, and by what name it knows this folder (bucket_note.h)
//   FOLDER/index.sqlite  which blobs the bucket holds (blob_index.h)
//   FOLDER/cache/        copies of those used last (blob_cache.h)
//
// The object "coordinator" in the bucket holds the folder's name, so that no other coordinator
// takes its blobs for garbage. A blob gathers in a local file, and is sent once all its bytes have
// come and match its digest. An object appears before its line in the index, and is doomed in the
// index before it goes, so that a kill leaves an object too many at most; those are found by
// listing the bucket, a page at a time. Thread-safe.
class ObjectBlobs final : public BlobStore {
 public:
  // Asks the bucket whether it is there, is this folder's and may be used, and learns what is in it
  // if this folder has no index. Errors as in s3_errors.h; FailedPrecondition, with the remedy, for
  // a bucket of another coordinator, and for a folder whose blobs are in it or in another bucket.
  static absl::StatusOr<std::unique_ptr<ObjectBlobs>> Open(const std::filesystem::path& folder,
                                                           const ObjectBlobsOptions& options);
  // The same for a folder with blobs of its own, which the caller copies into this. They stay the
  // folder's blobs until EndMigration.
  static absl::StatusOr<std::unique_ptr<ObjectBlobs>> OpenForMigration(
      const std::filesystem::path& folder, const ObjectBlobsOptions& options);
  absl::Status EndMigration();
  // Copies a blob's file, which is checked first: DataLoss if its bytes are not the blob's.
  absl::Status Import(const std::string& sha256, const std::filesystem::path& file);
  ~ObjectBlobs() override;

  bool Contains(const std::string& sha256) override;
  absl::StatusOr<int64_t> SizeOf(const std::string& sha256) const override;
  // Also ResourceExhausted for a blob that is too large to be copied for it. What has no copy here
  // is read, and checked, first.
  absl::StatusOr<MappedBlob> Map(const std::string& sha256) override;
  // It counts as gone at once; its object goes soon after.
  void Remove(const std::string& sha256) override;
  Garbage CollectGarbage(absl::FunctionRef<bool(const std::string&)> is_referenced,
                         absl::Time cutoff) override;
  bool VisitBlobs(absl::FunctionRef<bool(const std::string& sha256, int64_t bytes, bool whole)>
                      visit) const override;
  absl::Status Health() const override;
  bool IsRemote() const override { return true; }

  // What is done by itself. Each is one step and is to be called by one thread.
  // Deletes the objects of some doomed blobs: whether there may be more.
  absl::StatusOr<bool> DeleteDoomed();
  // Compares index and bucket from where it stopped: whether it came to the end.
  absl::StatusOr<bool> CompareWithBucket();
  void LookAtHealth();

 private:
  ObjectBlobs(const std::filesystem::path& folder, const ObjectBlobsOptions& options,
              std::filesystem::path note);
  static absl::StatusOr<std::unique_ptr<ObjectBlobs>> OpenWithNote(
      const std::filesystem::path& folder, const ObjectBlobsOptions& options,
      const std::filesystem::path& note);
  absl::Status Prepare();
  absl::Status Claim();
  absl::Status LearnBucket();
  absl::Status Publish(const std::string& sha256, const IncomingFile& file) override;
  absl::StatusOr<Found> Find(const std::string& sha256, int64_t offset) override;
  // The index's line; NotFound.
  absl::StatusOr<IndexedBlob> Look(const std::string& sha256) const;
  // Says what is wrong with an object whose bytes were not right, and removes it if they still are
  // not.
  absl::Status Damaged(const std::string& sha256, int64_t size, std::string_view how);
  absl::StatusOr<MappedBlob> Fetch(const IndexedBlob& blob);
  bool IsOld(const IndexedBlob& blob, absl::Time cutoff) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Dooms those that nobody has asked for since `cutoff`, and returns them.
  std::vector<IndexedBlob> DoomOld(const std::vector<IndexedBlob>& unreferenced, absl::Time cutoff);
  // Forgets what the index has after compared_, up to the last of those found or all, and the
  // bucket, listed since `began`, has not.
  absl::Status ForgetLost(const std::vector<IndexedBlob>& found, bool to_the_end, absl::Time began);
  void Tend();

  // While an object is written or deleted, nobody else does either.
  class Busy;
  bool TryBusy(const std::string& sha256);
  void WaitBusy(const std::string& sha256);
  void EndBusy(const std::string& sha256);

  const std::filesystem::path folder_, note_;
  const ObjectBlobsOptions options_;
  std::unique_ptr<Bucket> bucket_;
  std::unique_ptr<BlobIndex> index_;
  BlobCache cache_;
  const absl::Time opened_;  // before it nobody's asking is remembered

  mutable absl::Mutex mutex_;  // orders removal against asking
  absl::flat_hash_map<std::string, absl::Time> asked_ ABSL_GUARDED_BY(mutex_);

  absl::Mutex busy_mutex_;
  absl::flat_hash_set<std::string> busy_ ABSL_GUARDED_BY(busy_mutex_);

  mutable absl::Mutex health_mutex_;
  absl::Status health_ ABSL_GUARDED_BY(health_mutex_);
  int failures_ ABSL_GUARDED_BY(health_mutex_) = 0;

  // Where the comparison with the bucket is: the last object that was listed, and the last blob of
  // the index that was held against the list.
  std::string listed_, compared_;
  SteadyFlag stop_;
  std::thread tending_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_BLOBS_OBJECT_BLOBS_H_
