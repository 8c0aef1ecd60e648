#ifndef ALIGNFLOW_SERVER_BLOBS_INCOMING_BLOBS_H_
#define ALIGNFLOW_SERVER_BLOBS_INCOMING_BLOBS_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/blobs/blob_stream.h"

namespace alignflow {

struct BlobWriteProgress {
  int64_t bytes = 0;
  bool complete = false;
};

// What has arrived of blobs, in a local folder:
//
//   FOLDER/abcdef...   what has arrived of a blob; a broken write goes on from its end
//   FOLDER/abcdef...-W the same, of writers by the name W, who alone may go on with it
//   FOLDER/abcdef....N the same, of a second writer of the same bytes; not resumable
//
// Thread-safe.
class IncomingBlobs {
 public:
  explicit IncomingBlobs(std::filesystem::path folder) : folder_(std::move(folder)) {}

  struct Wanted {
    std::string sha256;
    int64_t size = 0;
    PublishBlob publish;
    BlobObserver observe;
  };
  // OutOfRange if the offset is neither 0 nor where the write stands, ResourceExhausted if the disk
  // has no space for what is still to come. This object must outlive the writer.
  absl::StatusOr<std::unique_ptr<BlobWriter>> Write(Wanted wanted, int64_t offset,
                                                    const std::string& writer);
  // Bytes that have arrived of a write that can be gone on with.
  int64_t Arrived(const std::string& sha256, const std::string& writer) const;

  // Visits what nobody is writing.
  void VisitIdle(
      absl::FunctionRef<void(const std::filesystem::path& file, const std::string& sha256)> visit);
  // Visits all, with the bytes that have arrived. False once `visit` returns false, which ends it.
  bool VisitAll(absl::FunctionRef<bool(const std::string& sha256, int64_t bytes)> visit) const;

 private:
  void EndWrite(const std::string& name);

  const std::filesystem::path folder_;
  absl::Mutex mutex_;
  // Names of resumable files that have a writer.
  std::set<std::string> writing_ ABSL_GUARDED_BY(mutex_);
  int64_t next_private_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_BLOBS_INCOMING_BLOBS_H_
