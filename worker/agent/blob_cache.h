#ifndef ALIGNFLOW_WORKER_AGENT_BLOB_CACHE_H_
#define ALIGNFLOW_WORKER_AGENT_BLOB_CACHE_H_

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/blob_client.h"

namespace alignflow {

// Blobs on the local disk, bounded in size, least recently used out first. One file a blob,
// CACHE/blobs/SHA256, whose time of access is its last use. Several workers may share a folder:
// files come and go by link and unlink alone, and a file that a task uses is linked into the task's
// own folder, where it stays whatever happens to the cache. Thread-safe.
class BlobCache {
 public:
  // `cache` must exist.
  BlobCache(const std::filesystem::path& cache, int64_t limit_bytes);

  // Puts the blob into `file`, from the cache or else from the server. The bytes are checked
  // against the digest either way, those of a cached file once for as long as it is the same file
  // and was not written to: tasks that share a large file do not read it over and over. A damaged
  // cached file is thrown away and fetched again. `file` must be on the cache's file system to
  // profit from it, and is read-only by agreement. Errors as of BlobClient::Download.
  absl::Status Fetch(BlobClient& client, const std::string& sha256,
                     const std::filesystem::path& file) ABSL_LOCKS_EXCLUDED(mutex_);

  // Keeps a file that holds the blob, so that it need not be fetched: one that was just sent.
  void Keep(const std::string& sha256, const std::filesystem::path& file)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // What tells one state of a file from another: device, inode, size and time of the last write.
  using FileState = std::array<int64_t, 5>;
  static std::optional<FileState> StateOf(const std::filesystem::path& file);

  bool TakeCached(const std::string& sha256, const std::filesystem::path& file)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Removes the least recently used files until nine tenths of the limit are left, and counts anew.
  void Shrink() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::filesystem::path blobs_;
  const int64_t limit_bytes_;
  absl::Mutex mutex_;
  // Our own count: what other workers add shows only at the next Shrink.
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, FileState> checked_ ABSL_GUARDED_BY(mutex_);  // cached files, by digest
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_AGENT_BLOB_CACHE_H_
