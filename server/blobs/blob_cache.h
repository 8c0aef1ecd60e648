#ifndef ALIGNFLOW_SERVER_BLOBS_BLOB_CACHE_H_
#define ALIGNFLOW_SERVER_BLOBS_BLOB_CACHE_H_

#include <cstdint>
#include <filesystem>
#include <list>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "server/blobs/blob_stream.h"

namespace alignflow {

// Copies of blobs that lie elsewhere, as FOLDER/abcdef...: those that were used last, up to a
// number of bytes. What is in it may go at any moment. Thread-safe.
class BlobCache {
 public:
  // Goes on with what is in the folder, which must exist.
  BlobCache(std::filesystem::path folder, int64_t most_bytes);

  // Takes a whole blob's file over, or removes it if there is no space for it or it can't be moved.
  void Take(const std::filesystem::path& file, const std::string& sha256, int64_t bytes);
  // A handle of -1 if it is not there.
  FileHandle Open(const std::string& sha256);
  void Remove(const std::string& sha256);

  std::filesystem::path PathOf(const std::string& sha256) const { return folder_ / sha256; }
  // Where a file for Take may be written.
  std::filesystem::path NewFile();
  int64_t bytes() const;

 private:
  struct Copy {
    std::string sha256;
    int64_t bytes = 0;
  };
  void Add(const std::string& sha256, int64_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Drop(const std::string& sha256) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::filesystem::path folder_;
  const int64_t most_bytes_;
  mutable absl::Mutex mutex_;
  std::list<Copy> copies_ ABSL_GUARDED_BY(mutex_);  // the one used last comes first
  absl::flat_hash_map<std::string, std::list<Copy>::iterator> places_ ABSL_GUARDED_BY(mutex_);
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t next_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_BLOBS_BLOB_CACHE_H_
