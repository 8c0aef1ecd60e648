#ifndef ALIGNFLOW_SERVER_BLOBS_OBJECT_SOURCE_H_
#define ALIGNFLOW_SERVER_BLOBS_OBJECT_SOURCE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/blobs/blob_stream.h"
#include "server/objects/bucket.h"

namespace alignflow {

// The bytes of an object from an offset on, asked for in ranges: the first as long as what is
// wanted, each further one twice as long, so that who looks at a beginning reads no more, and who
// reads on waits seldom. DataLoss if the object is gone, of which `on_gone` is told. Not
// thread-safe; `bucket` must outlive it.
class ObjectSource final : public BlobSource {
 public:
  ObjectSource(
      Bucket& bucket, std::string key, int64_t offset, int64_t size,
      std::function<void()> on_gone = [] {})
      : bucket_(bucket),
        key_(std::move(key)),
        on_gone_(std::move(on_gone)),
        offset_(offset),
        size_(size) {}
  absl::StatusOr<std::string> Read(int64_t limit) override;

 private:
  static constexpr int64_t kFirstRange = 64 << 10, kLongestRange = 2 << 20;

  Bucket& bucket_;
  const std::string key_;
  const std::function<void()> on_gone_;
  int64_t offset_;  // of what is asked for next
  const int64_t size_;
  int64_t range_ = kFirstRange;
  std::string ahead_;
  size_t used_ = 0;  // of it
};

// The bytes of a blob, of which an object is, piece by piece. DataLoss if they are not the blob's,
// and as above.
absl::Status ReadObject(Bucket& bucket, const std::string& sha256, int64_t size,
                        absl::FunctionRef<absl::Status(std::string_view)> use);

// An error of the bucket as who sends or reads a blob is to have it, to whom it all passes: what
// has come of the blob is kept.
absl::Status ForClients(const absl::Status& status);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_BLOBS_OBJECT_SOURCE_H_
