#include "worker/agent/blob_cache.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <system_error>
#include <vector>

#include "common/digest.h"
#include "spdlog/spdlog.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

int64_t NanosecondsOf(const timespec& time) { return time.tv_sec * 1000000000 + time.tv_nsec; }

// Now is the file's time of access. The time of the last write stays: it tells whether the file is
// still the one that was checked.
void MarkUsed(const fs::path& file) {
  const timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_NOW},
                             {.tv_sec = 0, .tv_nsec = UTIME_OMIT}};
  utimensat(AT_FDCWD, file.c_str(), times, 0);
}

}  // namespace

std::optional<BlobCache::FileState> BlobCache::StateOf(const fs::path& file) {
  struct stat status {};
  if (stat(file.c_str(), &status) != 0) return std::nullopt;
  return FileState{static_cast<int64_t>(status.st_dev), static_cast<int64_t>(status.st_ino),
                   status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
}

BlobCache::BlobCache(const fs::path& cache, int64_t limit_bytes)
    : blobs_(cache / "blobs"), limit_bytes_(limit_bytes) {
  std::error_code ignored;
  fs::create_directory(blobs_, ignored);
  absl::MutexLock lock(&mutex_);
  Shrink();
}

absl::Status BlobCache::Fetch(BlobClient& client, const std::string& sha256, const fs::path& file) {
  if (!IsSha256Hex(sha256)) return absl::InvalidArgumentError("malformed blob digest");
  if (TakeCached(sha256, file)) return absl::OkStatus();
  const absl::Status status = client.Download(sha256, file);
  if (status.ok()) Keep(sha256, file);
  return status;
}

bool BlobCache::TakeCached(const std::string& sha256, const fs::path& file) {
  std::error_code error;
  fs::create_hard_link(blobs_ / sha256, file, error);
  if (error) return false;
  const std::optional<FileState> state = StateOf(file);
  bool whole = false;
  {
    absl::MutexLock lock(&mutex_);
    const auto checked = checked_.find(sha256);
    whole = state && checked != checked_.end() && checked->second == *state;
  }
  if (!whole) {
    const absl::StatusOr<std::string> digest = Sha256OfFile(file);
    whole = digest.ok() && *digest == sha256;
  }
  if (whole) {
    MarkUsed(file);
    absl::MutexLock lock(&mutex_);
    if (state) checked_[sha256] = *state;
    return true;
  }
  spdlog::warn("cached blob {} is damaged; fetching it again", sha256);
  fs::remove(file, error);
  fs::remove(blobs_ / sha256, error);
  return false;
}

void BlobCache::Keep(const std::string& sha256, const fs::path& file) {
  std::error_code error;
  const auto size = static_cast<int64_t>(fs::file_size(file, error));
  if (error || size > limit_bytes_) return;
  // Fails where another worker was quicker, or where the file system has no links: then the blob is
  // merely not kept.
  fs::create_hard_link(file, blobs_ / sha256, error);
  if (error) return;
  MarkUsed(file);
  const std::optional<FileState> state = StateOf(file);
  absl::MutexLock lock(&mutex_);
  if (state) checked_[sha256] = *state;
  bytes_ += size;
  if (bytes_ > limit_bytes_) Shrink();
}

void BlobCache::Shrink() {
  struct Entry {
    fs::path path;
    int64_t used;
    int64_t size;
  };
  std::vector<Entry> entries;
  bytes_ = 0;
  std::error_code error;
  for (const fs::directory_entry& file : fs::directory_iterator(blobs_, error)) {
    // Another worker may remove the file meanwhile.
    struct stat status {};
    if (stat(file.path().c_str(), &status) != 0) continue;
    const Entry entry{file.path(), NanosecondsOf(status.st_atim), status.st_size};
    bytes_ += entry.size;
    entries.push_back(entry);
  }
  if (bytes_ <= limit_bytes_) return;
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.used < b.used; });
  for (const Entry& entry : entries) {
    if (bytes_ <= limit_bytes_ - limit_bytes_ / 10) return;
    fs::remove(entry.path, error);
    bytes_ -= entry.size;
  }
}

}  // namespace alignflow
