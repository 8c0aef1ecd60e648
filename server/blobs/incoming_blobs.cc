#include "server/blobs/incoming_blobs.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace alignflow {
namespace {

constexpr size_t kDigestDigits = 64;

std::string NameOf(const std::string& sha256, const std::string& writer) {
  return writer.empty() ? sha256 : absl::StrCat(sha256, "-", writer);
}

bool HasSpace(const std::filesystem::path& folder, int64_t bytes) {
  struct statvfs disk = {};
  if (statvfs(folder.c_str(), &disk) != 0) return true;  // then writing says what is wrong
  return static_cast<int64_t>(disk.f_bavail) >= bytes / static_cast<int64_t>(disk.f_frsize);
}

// Whichever writer the file is of.
std::string DigestOf(const std::filesystem::path& file) {
  return file.filename().string().substr(0, kDigestDigits);
}

}  // namespace

absl::StatusOr<std::unique_ptr<BlobWriter>> IncomingBlobs::Write(Wanted wanted, int64_t offset,
                                                                 const std::string& writer) {
  if (!HasSpace(folder_, wanted.size - offset)) return WriteError(ENOSPC, "begin a blob");
  const std::string name = NameOf(wanted.sha256, writer);
  BlobWriter::Target target{.sha256 = std::move(wanted.sha256),
                            .size = wanted.size,
                            .incoming = folder_ / name,
                            .publish = std::move(wanted.publish),
                            .observe = std::move(wanted.observe)};
  {
    absl::MutexLock lock(&mutex_);
    target.resumable = writing_.insert(name).second;
    const int64_t stands = std::max<int64_t>(SizeOfFile(target.incoming), 0);
    const bool fits =
        offset == 0 || (target.resumable && offset == stands && offset <= target.size);
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

void IncomingBlobs::EndWrite(const std::string& name) {
  absl::MutexLock lock(&mutex_);
  writing_.erase(name);
}

int64_t IncomingBlobs::Arrived(const std::string& sha256, const std::string& writer) const {
  return std::max<int64_t>(SizeOfFile(folder_ / NameOf(sha256, writer)), 0);
}

void IncomingBlobs::VisitIdle(
    absl::FunctionRef<void(const std::filesystem::path& file, const std::string& sha256)> visit) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    const std::string sha256 = DigestOf(entry.path());
    {
      absl::MutexLock lock(&mutex_);
      const auto writer = writing_.lower_bound(sha256);
      if (writer != writing_.end() && writer->starts_with(sha256)) continue;
    }
    visit(entry.path(), sha256);
  }
}

bool IncomingBlobs::VisitAll(
    absl::FunctionRef<bool(const std::string& sha256, int64_t bytes)> visit) const {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    const int64_t bytes = SizeOfFile(entry.path());
    if (bytes < 0) continue;  // it has just gone
    if (!visit(DigestOf(entry.path()), bytes)) return false;
  }
  return true;
}

}  // namespace alignflow
