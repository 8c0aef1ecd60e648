#include "server/state_backup.h"

#include <algorithm>
#include <optional>
#include <set>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/status_conversion.h"
#include "server/blobs/folder_blobs.h"
#include "server/catalog/catalog_file.h"
#include "server/catalog/postgres_engine.h"
#include "server/catalog_location.h"
#include "server/state_folder.h"
#include "server/stored_blobs.h"

namespace alignflow {
namespace {

std::filesystem::path CatalogOf(const std::filesystem::path& state) {
  return state / "catalog.sqlite";
}

absl::Status CheckIsState(const std::filesystem::path& folder) {
  if (std::filesystem::exists(CatalogOf(folder))) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      folder.string(), ": is no state folder or copy of one; give the folder with catalog.sqlite"));
}

absl::Status CopyBlob(const StoredBlobs& from, const std::string& sha256, BlobStore& to) {
  const absl::StatusOr<int64_t> size = from.SizeOf(sha256);
  if (!size.ok()) return size.status();
  absl::StatusOr<std::unique_ptr<BlobWriter>> writer = to.Write(sha256, *size, 0);
  if (!writer.ok()) return writer.status();
  absl::Status status =
      from.Read(sha256, *size, [&](std::string_view bytes) { return (*writer)->Append(bytes); });
  return status.ok() ? (*writer)->Commit() : status;
}

// Without it the access keys in the catalog would open nothing.
absl::Status CopySecret(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::error_code error;
  if (!std::filesystem::exists(SecretFileOf(from), error)) return absl::OkStatus();
  std::filesystem::copy_file(SecretFileOf(from), SecretFileOf(to),
                             std::filesystem::copy_options::overwrite_existing, error);
  if (!error) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(SecretFileOf(to).string(), ": ", error.message()));
}

absl::StatusOr<CopiedState> CopyState(const std::filesystem::path& from,
                                      const std::filesystem::path& to,
                                      const BucketOptions& bucket) {
  absl::Status status = CheckIsState(from);
  if (!status.ok()) return status;
  const absl::StatusOr<StoredBlobs> stored = StoredBlobs::Open(from, bucket);
  if (!stored.ok()) return stored.status();
  std::error_code error;
  if (std::filesystem::create_directories(to, error)) {
    std::filesystem::permissions(to, std::filesystem::perms::owner_all, error);
  }
  absl::StatusOr<std::unique_ptr<FolderBlobs>> blobs = FolderBlobs::Open(to / "blobs");
  if (!blobs.ok()) return blobs.status();
  // The catalog first: what it refers to stays there, unless somebody deletes it meanwhile.
  status = CopyCatalogFile(CatalogOf(from), CatalogOf(to));
  if (!status.ok()) return status;
  status = CopySecret(from, to);
  if (!status.ok()) return status;
  const absl::StatusOr<std::set<std::string>> referenced = BlobsOfCatalogFile(CatalogOf(to));
  if (!referenced.ok()) return referenced.status();
  CopiedState copied;
  absl::Mutex mutex;
  status = stored->ForEach({referenced->begin(), referenced->end()}, [&](const std::string& blob) {
    const bool there = (*blobs)->SizeOf(blob).ok();
    const absl::Status made = there ? absl::OkStatus() : CopyBlob(*stored, blob, **blobs);
    const bool missing = absl::IsNotFound(made) || absl::IsDataLoss(made);
    if (!made.ok() && !missing) return made;
    absl::MutexLock lock(&mutex);
    ++(missing ? copied.missing : copied.blobs);
    if (made.ok() && !there) ++copied.copied;
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return copied;
}

// The digests of the blobs that the catalog refers to.
absl::StatusOr<std::set<std::string>> CheckCatalogOf(const std::filesystem::path& state,
                                                     StateProblems& problems) {
  const absl::StatusOr<std::optional<CatalogLocation>> location = ReadCatalogLocation(state);
  if (!location.ok()) return location.status();
  if (*location) return BlobsOfPostgresCatalog((*location)->address);
  absl::Status status = CheckIsState(state);
  if (!status.ok()) return status;
  absl::StatusOr<std::vector<std::string>> of_catalog = CheckCatalogFile(CatalogOf(state));
  if (!of_catalog.ok()) return of_catalog.status();
  problems.of_catalog = *std::move(of_catalog);
  return BlobsOfCatalogFile(CatalogOf(state));
}

}  // namespace

absl::StatusOr<CopiedState> BackUpState(const std::filesystem::path& state,
                                        const std::filesystem::path& backup,
                                        const BucketOptions& bucket) {
  const absl::StatusOr<std::optional<CatalogLocation>> location = ReadCatalogLocation(state);
  if (!location.ok()) return location.status();
  if (*location) {
    return absl::FailedPreconditionError(absl::StrCat(
        state.string(),
        ": its catalog is in a database, which PostgreSQL's own programs copy. "
        "First `pg_dump --format=custom --file=catalog.dump '",
        (*location)->address.url,
        "'`, then copy the folder's `blobs`, `secret` and `catalog-id`: in this order the copy has "
        "every file that the catalog refers to"));
  }
  return CopyState(state, backup, bucket);
}

absl::StatusOr<CopiedState> RestoreState(const std::filesystem::path& backup,
                                         const std::filesystem::path& state) {
  std::error_code error;
  if (std::filesystem::exists(state, error) && !std::filesystem::is_empty(state, error)) {
    return absl::FailedPreconditionError(absl::StrCat(
        state.string(), ": is not empty; give a new folder, or move the old one away first"));
  }
  return CopyState(backup, state, {});
}

absl::StatusOr<StateProblems> CheckState(const std::filesystem::path& state,
                                         const BucketOptions& bucket) {
  StateProblems problems;
  const absl::StatusOr<std::set<std::string>> referenced = CheckCatalogOf(state, problems);
  if (!referenced.ok()) return referenced.status();
  const absl::StatusOr<StoredBlobs> stored = StoredBlobs::Open(state, bucket);
  if (!stored.ok()) return stored.status();
  problems.blobs = static_cast<int64_t>(referenced->size());
  absl::Mutex mutex;
  const absl::Status status =
      stored->ForEach({referenced->begin(), referenced->end()}, [&](const std::string& blob) {
        const absl::StatusOr<int64_t> size = stored->SizeOf(blob);
        const absl::Status read =
            size.ok() ? stored->Read(blob, *size, [](std::string_view) { return absl::OkStatus(); })
                      : size.status();
        absl::MutexLock lock(&mutex);
        if (absl::IsNotFound(read)) problems.lost.push_back(blob);
        if (absl::IsDataLoss(read)) problems.damaged.push_back(blob);
        return absl::IsNotFound(read) || absl::IsDataLoss(read) ? absl::OkStatus() : read;
      });
  if (!status.ok()) return status;
  std::ranges::sort(problems.lost);
  std::ranges::sort(problems.damaged);
  return problems;
}

}  // namespace alignflow
