#include "server/state_backup.h"

#include <fcntl.h>
#include <unistd.h>

#include <optional>
#include <set>
#include <system_error>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "common/digest.h"
#include "common/status_conversion.h"
#include "server/blobs/blob_store.h"
#include "server/catalog/catalog_file.h"
#include "server/catalog/postgres_engine.h"
#include "server/catalog_location.h"
#include "server/state_folder.h"

namespace alignflow {
namespace {

constexpr int64_t kChunkBytes = 1 << 20;

std::filesystem::path CatalogOf(const std::filesystem::path& state) {
  return state / "catalog.sqlite";
}

absl::Status CheckIsState(const std::filesystem::path& folder) {
  if (std::filesystem::exists(CatalogOf(folder))) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      folder.string(), ": is no state folder or copy of one; give the folder with catalog.sqlite"));
}

// The blob's bytes piece by piece, checked at the end. NotFound; DataLoss if they don't match.
absl::Status ReadBlob(const std::filesystem::path& blobs, const std::string& sha256,
                      absl::FunctionRef<absl::Status(std::string_view)> use) {
  const std::filesystem::path path = blobs / sha256.substr(0, 2) / sha256.substr(2);
  const FileHandle file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return absl::NotFoundError(absl::StrCat("there is no blob ", sha256));
  Sha256 hash;
  std::string chunk(kChunkBytes, '\0');
  for (;;) {
    const ssize_t count = read(file.get(), chunk.data(), chunk.size());
    if (count < 0) return absl::DataLossError(absl::StrCat("blob ", sha256, " can't be read"));
    if (count == 0) break;
    const std::string_view bytes(chunk.data(), count);
    hash.Update(bytes);
    absl::Status used = use(bytes);
    if (!used.ok()) return used;
  }
  if (hash.Finish() == sha256) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("blob ", sha256, " is damaged"));
}

absl::Status CopyBlob(const std::filesystem::path& from, const std::string& sha256, BlobStore& to) {
  const std::filesystem::path path = from / sha256.substr(0, 2) / sha256.substr(2);
  std::error_code error;
  const auto size = static_cast<int64_t>(std::filesystem::file_size(path, error));
  if (error) return absl::NotFoundError(absl::StrCat("there is no blob ", sha256));
  absl::StatusOr<std::unique_ptr<BlobWriter>> writer = to.Write(sha256, size, 0);
  if (!writer.ok()) return writer.status();
  absl::Status status =
      ReadBlob(from, sha256, [&](std::string_view bytes) { return (*writer)->Append(bytes); });
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
                                      const std::filesystem::path& to) {
  absl::Status status = CheckIsState(from);
  if (!status.ok()) return status;
  std::error_code error;
  if (std::filesystem::create_directories(to, error)) {
    std::filesystem::permissions(to, std::filesystem::perms::owner_all, error);
  }
  absl::StatusOr<std::unique_ptr<BlobStore>> blobs = BlobStore::Open(to / "blobs");
  if (!blobs.ok()) return blobs.status();
  // The catalog first: what it refers to stays there, unless somebody deletes it meanwhile.
  status = CopyCatalogFile(CatalogOf(from), CatalogOf(to));
  if (!status.ok()) return status;
  status = CopySecret(from, to);
  if (!status.ok()) return status;
  const absl::StatusOr<std::set<std::string>> referenced = BlobsOfCatalogFile(CatalogOf(to));
  if (!referenced.ok()) return referenced.status();
  CopiedState copied;
  for (const std::string& blob : *referenced) {
    if ((*blobs)->SizeOf(blob).ok()) {
      ++copied.blobs;
      continue;
    }
    status = CopyBlob(from / "blobs", blob, **blobs);
    if (absl::IsNotFound(status) || absl::IsDataLoss(status)) {
      ++copied.missing;
      continue;
    }
    if (!status.ok()) return status;
    ++copied.blobs;
    ++copied.copied;
  }
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
                                        const std::filesystem::path& backup) {
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
  return CopyState(state, backup);
}

absl::StatusOr<CopiedState> RestoreState(const std::filesystem::path& backup,
                                         const std::filesystem::path& state) {
  std::error_code error;
  if (std::filesystem::exists(state, error) && !std::filesystem::is_empty(state, error)) {
    return absl::FailedPreconditionError(absl::StrCat(
        state.string(), ": is not empty; give a new folder, or move the old one away first"));
  }
  return CopyState(backup, state);
}

absl::StatusOr<StateProblems> CheckState(const std::filesystem::path& state) {
  StateProblems problems;
  const absl::StatusOr<std::set<std::string>> referenced = CheckCatalogOf(state, problems);
  if (!referenced.ok()) return referenced.status();
  absl::Status status;
  for (const std::string& blob : *referenced) {
    ++problems.blobs;
    status = ReadBlob(state / "blobs", blob, [](std::string_view) { return absl::OkStatus(); });
    if (absl::IsNotFound(status)) problems.lost.push_back(blob);
    if (absl::IsDataLoss(status)) problems.damaged.push_back(blob);
  }
  return problems;
}

}  // namespace alignflow
