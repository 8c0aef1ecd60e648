#ifndef ALIGNFLOW_SERVER_OBJECTS_BUCKET_H_
#define ALIGNFLOW_SERVER_OBJECTS_BUCKET_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/objects/bucket_options.h"
#include "server/objects/http_connections.h"

namespace alignflow {

struct BucketObject {
  std::string key;
  int64_t bytes = 0;
};

// Objects below a prefix of a bucket of an S3-compatible store. Keys are without the prefix and
// hold letters, digits, dots and hyphens alone. Every call ends: what passes by itself (an answer
// of 5xx or 429, silence, a lost connection or answer) is tried again, after growing pauses, until
// the options' patience is at its end, which starts anew with each part of a large object. While
// the store has answered nobody for a while, calls try once. Errors as in s3_errors.h. Thread-safe.
class Bucket {
 public:
  // `options` are complete. Asks nothing yet.
  static absl::StatusOr<std::unique_ptr<Bucket>> Open(const BucketOptions& options);

  const BucketOptions& options() const { return options_; }

  // Whether the store answers and the keys have every right that the calls below need. Leaves
  // nothing.
  absl::Status CheckRights();
  // Whether the store answers: one attempt.
  absl::Status Ping(absl::Duration timeout);

  // From now on nothing is tried again: for a process that ends.
  void GiveUp() { given_up_ = true; }

  // Makes an object of a file's first `size` bytes, whose SHA-256 this is. It appears whole or not
  // at all; one that is there is replaced.
  absl::Status PutFile(const std::string& key, int fd, int64_t size, const std::string& sha256);
  absl::Status Put(const std::string& key, std::string_view bytes);

  // `size` bytes from `offset` on, all of them.
  absl::StatusOr<std::string> Get(const std::string& key, int64_t offset, int64_t size);
  // A small object.
  absl::StatusOr<std::string> GetWhole(const std::string& key);
  absl::StatusOr<int64_t> SizeOf(const std::string& key);

  // Up to `limit` objects whose keys come after `after`, in the order of their bytes.
  static constexpr int kPage = 1000;  // S3's own limit
  struct Page {
    std::vector<BucketObject> objects;
    bool more = false;
  };
  absl::StatusOr<Page> List(const std::string& after, int limit = kPage);
  // Removes up to kPage objects; those that are not there are no error.
  absl::Status Delete(const std::vector<std::string>& keys);
  // Ends unfinished uploads of parts, which cost space though nobody sees them. Returns how many.
  absl::StatusOr<int> AbortUploads();

 private:
  explicit Bucket(const BucketOptions& options) : options_(options) {}
  // An answer that is a success or one that another try does not change.
  absl::StatusOr<HttpResponse> Send(const HttpRequest& request, int64_t body_bytes = 0);
  absl::StatusOr<HttpResponse> SendOnce(const HttpRequest& request, absl::Duration timeout);
  // The same, with what is no success as an error.
  absl::StatusOr<HttpResponse> Ask(const HttpRequest& request, const std::string& doing,
                                   int64_t body_bytes = 0);
  std::string PathOf(const std::string& key) const;
  absl::Status PutParts(const std::string& key, int fd, int64_t size);
  absl::StatusOr<std::string> PutPart(const std::string& key, const std::string& upload, int number,
                                      const FilePart& part);
  absl::Status Complete(const std::string& key, const std::string& upload,
                        const std::vector<std::string>& tags, int64_t size);
  absl::Status Abort(const std::string& key, const std::string& upload);
  void Note(bool answered);
  // Whether it has answered nobody for a while.
  bool IsSilent() const;

  const BucketOptions options_;
  std::unique_ptr<HttpConnections> connections_;
  std::atomic<bool> given_up_ = false;
  mutable absl::Mutex mutex_;
  std::optional<absl::Time> silent_since_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_OBJECTS_BUCKET_H_
