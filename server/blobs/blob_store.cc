#include "server/blobs/blob_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "spdlog/spdlog.h"

namespace alignflow {
namespace {

constexpr char kIncoming[] = "incoming";
constexpr char kOwners[] = "owners";
constexpr size_t kDigestDigits = 64;

// The name of what has arrived of a blob.
std::string IncomingName(const std::string& sha256, const std::string& writer) {
  return writer.empty() ? sha256 : absl::StrCat(sha256, "-", writer);
}

// The file's size, or -1 if there is none.
int64_t FileSize(const std::filesystem::path& file) {
  struct stat info = {};
  return stat(file.c_str(), &info) == 0 ? info.st_size : -1;
}

}  // namespace

BlobStore::BlobStore(std::filesystem::path folder)
    : folder_(std::move(folder)), owners_(folder_ / kOwners) {}

absl::StatusOr<std::unique_ptr<BlobStore>> BlobStore::Open(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder / kIncoming, error);
  if (!error) std::filesystem::create_directory(folder / kOwners, error);
  for (int i = 0; i < 256 && !error; ++i) {
    std::filesystem::create_directory(folder / absl::StrFormat("%02x", i), error);
  }
  if (error || access((folder / kIncoming).c_str(), W_OK) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(folder.string(), ": can't be written (", error.message(),
                     "); give a state folder that this user may write, with space on its disk"));
  }
  absl::Status synced = SyncFolder(folder);
  if (!synced.ok()) return synced;
  return std::unique_ptr<BlobStore>(new BlobStore(folder));
}

std::filesystem::path BlobStore::PathOf(const std::string& sha256) const {
  return folder_ / sha256.substr(0, 2) / sha256.substr(2);
}

std::filesystem::path BlobStore::IncomingPath(const std::string& name) const {
  return folder_ / kIncoming / name;
}

bool BlobStore::Contains(const std::string& sha256) {
  if (!IsSha256Hex(sha256)) return false;
  absl::MutexLock lock(&mutex_);
  return utimensat(AT_FDCWD, PathOf(sha256).c_str(), nullptr, 0) == 0;
}

absl::StatusOr<int64_t> BlobStore::SizeOf(const std::string& sha256) const {
  const int64_t size = IsSha256Hex(sha256) ? FileSize(PathOf(sha256)) : -1;
  if (size < 0) return absl::NotFoundError(absl::StrCat("there is no blob ", sha256));
  return size;
}

BlobStore::WriteProgress BlobStore::QueryWrite(const std::string& sha256,
                                               const std::string& writer) const {
  if (!IsSha256Hex(sha256)) return {};
  if (const int64_t size = FileSize(PathOf(sha256)); size >= 0) return {size, true};
  return {std::max<int64_t>(FileSize(IncomingPath(IncomingName(sha256, writer))), 0), false};
}

absl::StatusOr<std::unique_ptr<BlobWriter>> BlobStore::Write(const std::string& sha256,
                                                             int64_t size, int64_t offset,
                                                             const std::string& writer) {
  if (!IsSha256Hex(sha256) || size < 0) {
    return absl::InvalidArgumentError(
        "digest: give 64 lower-case hexadecimal characters and a size of at least 0");
  }
  if (size > kMaxBlobBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a blob of ", size, " bytes; the limit is ", kMaxBlobBytes));
  }
  if (Contains(sha256)) return nullptr;
  const std::string name = IncomingName(sha256, writer);
  BlobWriter::Target target{.sha256 = sha256,
                            .size = size,
                            .incoming = IncomingPath(name),
                            .final = PathOf(sha256),
                            .observe = observe_};
  {
    absl::MutexLock lock(&mutex_);
    target.resumable = writing_.insert(name).second;
    const int64_t stands = std::max<int64_t>(FileSize(target.incoming), 0);
    const bool fits = offset == 0 || (target.resumable && offset == stands && offset <= size);
    if (!fits) {
      if (target.resumable) writing_.erase(name);
      return absl::OutOfRangeError(absl::StrCat(
          "offset ", offset, " is not where the server stands (", stands,
          target.resumable ? ")" : ", and another stream is writing)", "; ask QueryWrite"));
    }
    if (!target.resumable) target.incoming += absl::StrCat(".", ++next_private_);
  }
  const bool resumable = target.resumable;
  return BlobWriter::Open(std::move(target), offset, [this, name, resumable] {
    if (resumable) EndWrite(name);
  });
}

void BlobStore::EndWrite(const std::string& name) {
  absl::MutexLock lock(&mutex_);
  writing_.erase(name);
}

absl::StatusOr<std::string> BlobStore::Put(std::string_view bytes, const BlobOwner& owner,
                                           absl::Time now) {
  std::string sha256 = Sha256OfString(bytes);
  absl::Status pinned = owners_.Pin(owner, {sha256}, now);
  if (!pinned.ok()) return pinned;
  absl::StatusOr<std::unique_ptr<BlobWriter>> writer =
      Write(sha256, static_cast<int64_t>(bytes.size()), 0);
  if (!writer.ok()) return writer.status();
  if (*writer == nullptr) return sha256;
  absl::Status status = (*writer)->Append(bytes);
  if (status.ok()) status = (*writer)->Commit();
  if (!status.ok()) return status;
  return sha256;
}

absl::StatusOr<std::unique_ptr<BlobReader>> BlobStore::Read(const std::string& sha256,
                                                            int64_t offset) {
  if (!IsSha256Hex(sha256)) {
    return absl::InvalidArgumentError("digest: give 64 lower-case hexadecimal characters");
  }
  FileHandle file(open(PathOf(sha256).c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info = {};
  if (file.get() < 0 || fstat(file.get(), &info) != 0) {
    return absl::NotFoundError(absl::StrCat("there is no blob ", sha256));
  }
  if (offset < 0 || offset > info.st_size) {
    return absl::OutOfRangeError(
        absl::StrCat("offset ", offset, " of a blob of ", info.st_size, " bytes"));
  }
  if (lseek(file.get(), offset, SEEK_SET) != offset) {
    return absl::InternalError(absl::StrCat("blobs: seek: error ", errno));
  }
  return std::make_unique<BlobReader>(
      sha256, std::move(file), offset, info.st_size,
      [this, sha256] {
        spdlog::error("blob {} is damaged: removed", sha256);
        Remove(sha256);
      },
      observe_);
}

absl::StatusOr<std::string> BlobStore::Get(const std::string& sha256, int64_t limit) {
  absl::StatusOr<std::unique_ptr<BlobReader>> reader = Read(sha256, 0);
  if (!reader.ok()) return reader.status();
  if ((*reader)->size() > limit) {
    return absl::ResourceExhaustedError(absl::StrCat("blob ", sha256, " has ", (*reader)->size(),
                                                     " bytes; the limit here is ", limit));
  }
  return (*reader)->Next(std::max<int64_t>((*reader)->size(), 1));
}

absl::StatusOr<MappedBlob> BlobStore::Map(const std::string& sha256) const {
  if (!IsSha256Hex(sha256)) return absl::NotFoundError("there is no such blob");
  return MappedBlob::Open(PathOf(sha256));
}

void BlobStore::Remove(const std::string& sha256) {
  if (!IsSha256Hex(sha256)) return;
  absl::MutexLock lock(&mutex_);
  unlink(PathOf(sha256).c_str());
}

bool BlobStore::RemoveIfOld(const std::filesystem::path& file, const std::string& sha256,
                            absl::Time cutoff, int64_t& bytes) {
  absl::MutexLock lock(&mutex_);
  if (owners_.PinnedSince(sha256)) return false;
  struct stat info = {};
  if (stat(file.c_str(), &info) != 0 || absl::TimeFromTimespec(info.st_mtim) > cutoff) return false;
  bytes += info.st_size;
  return unlink(file.c_str()) == 0;
}

BlobStore::Garbage BlobStore::CollectGarbage(
    absl::FunctionRef<bool(const std::string&)> is_referenced, absl::Time cutoff) {
  Garbage garbage;
  std::error_code error;
  for (int i = 0; i < 256; ++i) {
    const std::string prefix = absl::StrFormat("%02x", i);
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
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / kIncoming, error)) {
    // Whichever writer the file is of.
    const std::string sha256 = entry.path().filename().string().substr(0, kDigestDigits);
    {
      absl::MutexLock lock(&mutex_);
      const auto writer = writing_.lower_bound(sha256);
      if (writer != writing_.end() && writer->starts_with(sha256)) continue;
    }
    if (is_referenced(sha256)) continue;
    RemoveIfOld(entry.path(), sha256, cutoff, garbage.removed_bytes);
  }
  return garbage;
}

bool BlobStore::VisitFiles(
    absl::FunctionRef<bool(const std::string& sha256, int64_t bytes, bool whole)> visit) const {
  std::error_code error;
  for (int i = 0; i < 256; ++i) {
    const std::string prefix = absl::StrFormat("%02x", i);
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / prefix, error)) {
      const int64_t bytes = FileSize(entry.path());
      if (bytes < 0) continue;  // it has just gone
      if (!visit(prefix + entry.path().filename().string(), bytes, true)) return false;
    }
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / kIncoming, error)) {
    const int64_t bytes = FileSize(entry.path());
    if (bytes < 0) continue;
    const std::string sha256 = entry.path().filename().string().substr(0, kDigestDigits);
    if (!visit(sha256, bytes, false)) return false;
  }
  return true;
}

}  // namespace alignflow
