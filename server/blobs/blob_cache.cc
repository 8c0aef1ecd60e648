#include "server/blobs/blob_cache.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/digest.h"

namespace alignflow {

BlobCache::BlobCache(std::filesystem::path folder, int64_t most_bytes)
    : folder_(std::move(folder)), most_bytes_(most_bytes) {
  std::vector<std::pair<std::filesystem::file_time_type, std::string>> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    const std::string name = entry.path().filename().string();
    if (IsSha256Hex(name)) {
      found.emplace_back(entry.last_write_time(error), name);
    } else {
      unlink(entry.path().c_str());
    }
  }
  std::ranges::sort(found);
  absl::MutexLock lock(&mutex_);
  for (const auto& [time, name] : found) {
    Add(name, std::max<int64_t>(SizeOfFile(folder_ / name), 0));
  }
}

void BlobCache::Add(const std::string& sha256, int64_t bytes) {
  copies_.push_front({.sha256 = sha256, .bytes = bytes});
  places_[sha256] = copies_.begin();
  bytes_ += bytes;
  while (bytes_ > most_bytes_) Drop(std::string(copies_.back().sha256));
}

void BlobCache::Drop(const std::string& sha256) {
  const auto place = places_.find(sha256);
  if (place == places_.end()) return;
  bytes_ -= place->second->bytes;
  copies_.erase(place->second);
  places_.erase(place);
  unlink(PathOf(sha256).c_str());
}

void BlobCache::Take(const std::filesystem::path& file, const std::string& sha256, int64_t bytes) {
  absl::MutexLock lock(&mutex_);
  const bool there = places_.contains(sha256);
  if (there || bytes > most_bytes_ || rename(file.c_str(), PathOf(sha256).c_str()) != 0) {
    unlink(file.c_str());
    return;
  }
  Add(sha256, bytes);
}

FileHandle BlobCache::Open(const std::string& sha256) {
  absl::MutexLock lock(&mutex_);
  const auto place = places_.find(sha256);
  if (place == places_.end()) return FileHandle();
  copies_.splice(copies_.begin(), copies_, place->second);
  FileHandle file(open(PathOf(sha256).c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) Drop(sha256);
  return file;
}

void BlobCache::Remove(const std::string& sha256) {
  absl::MutexLock lock(&mutex_);
  Drop(sha256);
}

std::filesystem::path BlobCache::NewFile() {
  absl::MutexLock lock(&mutex_);
  return folder_ / absl::StrCat("new-", ++next_);
}

int64_t BlobCache::bytes() const {
  absl::MutexLock lock(&mutex_);
  return bytes_;
}

}  // namespace alignflow
