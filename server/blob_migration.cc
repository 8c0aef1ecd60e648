#include "server/blob_migration.h"

#include <atomic>
#include <memory>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "server/blobs/bucket_note.h"
#include "server/blobs/folder_blobs.h"
#include "server/blobs/object_blobs.h"
#include "server/catalog_location.h"
#include "server/state_folder.h"
#include "server/stored_blobs.h"

namespace alignflow {
namespace {

constexpr int kThreads = 16;
constexpr int64_t kTellEvery = 1000;

std::vector<std::string> WholeBlobs(const BlobStore& blobs) {
  std::vector<std::string> whole;
  blobs.VisitBlobs([&](const std::string& sha256, int64_t, bool is_whole) {
    if (is_whole) whole.push_back(sha256);
    return true;
  });
  return whole;
}

// Until index and bucket agree.
absl::Status Compare(ObjectBlobs& objects) {
  for (;;) {
    const absl::StatusOr<bool> end = objects.CompareWithBucket();
    if (!end.ok() || *end) return end.status();
  }
}

}  // namespace

absl::StatusOr<MigratedBlobs> MigrateBlobs(
    const std::filesystem::path& state, const BucketOptions& bucket,
    const std::function<void(int64_t done, int64_t all)>& progress) {
  std::error_code error;
  if (!std::filesystem::exists(state / "catalog.sqlite", error) &&
      !std::filesystem::exists(CatalogLocationFileOf(state), error)) {
    return absl::FailedPreconditionError(
        absl::StrCat(state.string(), ": is no state folder; give the folder with catalog.sqlite"));
  }
  const absl::StatusOr<std::unique_ptr<StateFolder>> taken = StateFolder::Take(state);
  if (!taken.ok()) return taken.status();
  const std::filesystem::path folder = (*taken)->blobs();
  const absl::StatusOr<std::optional<BucketNote>> note = ReadBucketNote(BucketNoteOf(folder));
  if (!note.ok()) return note.status();
  MigratedBlobs migrated;
  if (note->has_value()) {  // but for what an earlier call has not removed
    if ((*note)->bucket != bucket.Url()) {
      return absl::FailedPreconditionError(absl::StrCat(
          state.string(), ": its blobs are in ", (*note)->bucket,
          " already; make a folder of them with `alignflow-coordinator backup` first"));
    }
    FolderBlobs::RemoveAll(folder);
    return migrated;
  }
  absl::StatusOr<std::unique_ptr<FolderBlobs>> files = FolderBlobs::Open(folder);
  if (!files.ok()) return files.status();
  absl::StatusOr<std::unique_ptr<ObjectBlobs>> objects =
      ObjectBlobs::OpenForMigration(folder, {.bucket = bucket, .tend = false});
  if (!objects.ok()) return objects.status();
  const std::vector<std::string> blobs = WholeBlobs(**files);
  std::atomic<int64_t> done = 0, copied = 0;
  absl::Mutex mutex;
  absl::Status status = ForEachBlob(blobs, kThreads, [&](const std::string& blob) {
    if (++done % kTellEvery == 0) progress(done, static_cast<int64_t>(blobs.size()));
    if ((*objects)->SizeOf(blob).ok()) return absl::OkStatus();
    absl::Status imported = (*objects)->Import(blob, (*files)->PathOf(blob));
    if (imported.ok()) ++copied;
    if (!absl::IsDataLoss(imported)) return imported;
    absl::MutexLock lock(&mutex);
    migrated.damaged.push_back(blob);
    return absl::OkStatus();
  });
  if (status.ok()) status = Compare(**objects);
  if (!status.ok()) return status;
  for (const std::string& blob : blobs) migrated.blobs += (*objects)->SizeOf(blob).ok() ? 1 : 0;
  migrated.copied = copied;
  if (migrated.blobs + static_cast<int64_t>(migrated.damaged.size()) <
      static_cast<int64_t>(blobs.size())) {
    return absl::UnavailableError(
        absl::StrCat(bucket.Url(), ": does not list all that was written to it; run this again"));
  }
  status = (*objects)->EndMigration();
  if (!status.ok()) return status;
  FolderBlobs::RemoveAll(folder);
  return migrated;
}

}  // namespace alignflow
