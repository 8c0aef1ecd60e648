#include "server/blobs/folder_blobs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/digest.h"
#include "server/blobs/bucket_note.h"
#include "spdlog/spdlog.h"

namespace alignflow {
namespace {

constexpr int kFolders = 256;

std::string FolderName(int i) { return absl::StrFormat("%02x", i); }

}  // namespace

FolderBlobs::FolderBlobs(std::filesystem::path folder)
    : BlobStore(folder), folder_(std::move(folder)) {}

absl::StatusOr<std::unique_ptr<FolderBlobs>> FolderBlobs::Open(
    const std::filesystem::path& folder) {
  absl::Status status = MakeFolders(folder);
  if (!status.ok()) return status;
  const absl::StatusOr<std::optional<BucketNote>> note = ReadBucketNote(BucketNoteOf(folder));
  if (!note.ok()) return note.status();
  if (note->has_value()) {
    return absl::FailedPreconditionError(absl::StrCat("the blobs of this state folder are in ",
                                                      (*note)->bucket, "; give --blobs ",
                                                      (*note)->bucket, " and its --s3-endpoint"));
  }
  std::error_code error;
  for (int i = 0; i < kFolders && !error; ++i) {
    std::filesystem::create_directory(folder / FolderName(i), error);
  }
  if (error) return WriteError(error.value(), "make a folder");
  status = SyncFolder(folder);
  if (!status.ok()) return status;
  return std::unique_ptr<FolderBlobs>(new FolderBlobs(folder));
}

bool FolderBlobs::HasAny(const std::filesystem::path& folder) {
  for (int i = 0; i < kFolders; ++i) {
    std::error_code error;
    const std::filesystem::directory_iterator files(folder / FolderName(i), error);
    if (!error && files != std::filesystem::directory_iterator()) return true;
  }
  return false;
}

void FolderBlobs::RemoveAll(const std::filesystem::path& folder) {
  std::error_code error;
  for (int i = 0; i < kFolders; ++i) std::filesystem::remove_all(folder / FolderName(i), error);
}

std::filesystem::path FolderBlobs::PathOf(const std::string& sha256) const {
  return folder_ / sha256.substr(0, 2) / sha256.substr(2);
}

bool FolderBlobs::Contains(const std::string& sha256) {
  if (!IsSha256Hex(sha256)) return false;
  absl::MutexLock lock(&mutex_);
  return utimensat(AT_FDCWD, PathOf(sha256).c_str(), nullptr, 0) == 0;
}

absl::StatusOr<int64_t> FolderBlobs::SizeOf(const std::string& sha256) const {
  const int64_t size = IsSha256Hex(sha256) ? SizeOfFile(PathOf(sha256)) : -1;
  if (size < 0) return NoBlob(sha256);
  return size;
}

absl::Status FolderBlobs::Publish(const std::string& sha256, const IncomingFile& file) {
  if (fsync(file.fd) != 0) return WriteError(errno, "sync");
  const std::filesystem::path path = PathOf(sha256);
  if (fchmod(file.fd, 0400) != 0 || rename(file.path.c_str(), path.c_str()) != 0) {
    return WriteError(errno, "rename");
  }
  return SyncFolder(path.parent_path());
}

absl::StatusOr<BlobStore::Found> FolderBlobs::Find(const std::string& sha256, int64_t offset) {
  FileHandle file(open(PathOf(sha256).c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info = {};
  if (file.get() < 0 || fstat(file.get(), &info) != 0) {
    return NoBlob(sha256);
  }
  absl::Status status = CheckOffset(offset, info.st_size);
  if (!status.ok()) return status;
  absl::StatusOr<std::unique_ptr<BlobSource>> source = SourceOfFile(std::move(file), offset);
  if (!source.ok()) return source.status();
  const auto damaged = [this, sha256](std::string_view how) {
    spdlog::error("blob {} is damaged: removed", sha256);
    Remove(sha256);
    return absl::DataLossError(
        absl::StrCat("blob ", sha256, " is damaged on the coordinator's disk: ", std::string(how),
                     "; it is removed, write it again or run the job again"));
  };
  return Found{.source = *std::move(source), .size = info.st_size, .on_damage = damaged};
}

absl::StatusOr<MappedBlob> FolderBlobs::Map(const std::string& sha256) {
  if (!IsSha256Hex(sha256)) return absl::NotFoundError("there is no such blob");
  return MappedBlob::Open(PathOf(sha256));
}

void FolderBlobs::Remove(const std::string& sha256) {
  if (!IsSha256Hex(sha256)) return;
  absl::MutexLock lock(&mutex_);
  unlink(PathOf(sha256).c_str());
}

bool FolderBlobs::RemoveIfOld(const std::filesystem::path& file, const std::string& sha256,
                              absl::Time cutoff, int64_t& bytes) {
  absl::MutexLock lock(&mutex_);
  if (owners().PinnedSince(sha256)) return false;
  return RemoveOldFile(file, cutoff, bytes);
}

BlobStore::Garbage FolderBlobs::CollectGarbage(
    absl::FunctionRef<bool(const std::string&)> is_referenced, absl::Time cutoff) {
  Garbage garbage;
  std::error_code error;
  for (int i = 0; i < kFolders; ++i) {
    const std::string prefix = FolderName(i);
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / prefix, error)) {
      ++garbage.blobs;
      const std::string sha256 = prefix + entry.path().filename().string();
      if (is_referenced(sha256)) continue;
      if (RemoveIfOld(entry.path(), sha256, cutoff, garbage.removed_bytes)) {
        ++garbage.removed;
      } else {
        ++garbage.orphans;
      }
    }
  }
  incoming().VisitIdle([&](const std::filesystem::path& file, const std::string& sha256) {
    if (!is_referenced(sha256)) RemoveIfOld(file, sha256, cutoff, garbage.removed_bytes);
  });
  return garbage;
}

bool FolderBlobs::VisitBlobs(
    absl::FunctionRef<bool(const std::string& sha256, int64_t bytes, bool whole)> visit) const {
  std::error_code error;
  for (int i = 0; i < kFolders; ++i) {
    const std::string prefix = FolderName(i);
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / prefix, error)) {
      const int64_t bytes = SizeOfFile(entry.path());
      if (bytes < 0) continue;  // it has just gone
      if (!visit(prefix + entry.path().filename().string(), bytes, true)) return false;
    }
  }
  return incoming().VisitAll(
      [&](const std::string& sha256, int64_t bytes) { return visit(sha256, bytes, false); });
}

}  // namespace alignflow
