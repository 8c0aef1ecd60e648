#include "worker/agent/blob_cache.h"

#include <algorithm>
#include <system_error>
#include <vector>

#include "common/digest.h"
#include "spdlog/spdlog.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

}  // namespace

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
  const absl::StatusOr<std::string> digest = Sha256OfFile(file);
  if (digest.ok() && *digest == sha256) {
    fs::last_write_time(file, fs::file_time_type::clock::now(), error);
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
  absl::MutexLock lock(&mutex_);
  bytes_ += size;
  if (bytes_ > limit_bytes_) Shrink();
}

void BlobCache::Shrink() {
  struct Entry {
    fs::path path;
    fs::file_time_type used;
    int64_t size;
  };
  std::vector<Entry> entries;
  bytes_ = 0;
  std::error_code error;
  for (const fs::directory_entry& file : fs::directory_iterator(blobs_, error)) {
    // Another worker may remove the file meanwhile.
    std::error_code gone;
    Entry entry{file.path(), file.last_write_time(gone), 0};
    if (!gone) entry.size = static_cast<int64_t>(file.file_size(gone));
    if (gone) continue;
    bytes_ += entry.size;
    entries.push_back(std::move(entry));
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
