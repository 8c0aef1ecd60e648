#ifndef ALIGNFLOW_COMMON_BLOB_CLIENT_H_
#define ALIGNFLOW_COMMON_BLOB_CLIENT_H_

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "alignflow/v1/blobs.grpc.pb.h"
#include "common/backoff.h"
#include "grpcpp/channel.h"

namespace alignflow {

// A blob's name, as plain data.
struct BlobRef {
  std::string sha256;  // 64 lower-case hexadecimal characters
  int64_t size_bytes = 0;

  bool operator==(const BlobRef&) const = default;
};

// A file to be uploaded as a blob.
struct BlobFile {
  BlobRef blob;
  std::filesystem::path file;
};

// Names bytes or a file as a blob. The latter reads the file once; NotFound or Internal names it.
BlobRef DescribeBytes(std::string_view bytes);
absl::StatusOr<BlobFile> DescribeFile(const std::filesystem::path& file);

struct BlobClientOptions {
  // Of a call that carries no data.
  absl::Duration rpc_deadline = absl::Seconds(20);
  // A stream's deadline is rpc_deadline plus its bytes at this rate. A stream that is slower but
  // moves is taken up again where it stood.
  int64_t slowest_bytes_per_second = 1 << 20;
  // How long to try again while the server is unavailable and nothing moves.
  absl::Duration retry_for = absl::Seconds(20);
  // Whether to try again as well while the server has no space.
  bool waits_for_space = false;
  BackoffPolicy backoff;
  // Asked before every attempt and chunk; true ends the call with CANCELLED.
  std::function<bool()> interrupted = [] { return false; };
  // For whom blobs are sent and asked about (blobs.proto); may be unset.
  v1::BlobOwner owner;
};

// Moves blobs to and from a server. Every call has a deadline; UNAVAILABLE is tried again with
// growing delays; a broken transfer goes on where it stopped. Other errors are returned as they
// are, with the digest before the message. Thread-safe.
class BlobClient {
 public:
  explicit BlobClient(std::shared_ptr<grpc::ChannelInterface> channel,
                      BlobClientOptions options = {});

  // Those of `blobs` that the server lacks, in order. Any number: asks in groups of 10,000.
  absl::StatusOr<std::vector<BlobRef>> FindMissing(const std::vector<BlobRef>& blobs);

  // Sends bytes or a file. Does not ask first whether the server has it.
  absl::Status Upload(const BlobRef& blob, std::string_view bytes);
  absl::Status Upload(const BlobFile& blob);

  // Sends those files that the server lacks over at most `streams` streams at once; stops at the
  // first error. `progress` is called from several threads, one at a time, with bytes sent or found
  // there so far and the total.
  using UploadProgress = std::function<void(int64_t bytes_done, int64_t bytes_total)>;
  absl::Status UploadMany(const std::vector<BlobFile>& files,
                          const UploadProgress& progress = nullptr, int streams = 4);

  // Fetches a blob into `file` (its folder must exist): into a temporary file beside it first,
  // renamed only when the bytes match the digest. DATA_LOSS if they don't.
  absl::Status Download(const std::string& sha256, const std::filesystem::path& file);
  // Fetches a blob piece by piece, in order. DATA_LOSS after the last piece if all of them don't
  // match the digest: what `sink` has got is then worthless. Its own error is returned as it is.
  using Sink = std::function<absl::Status(std::string_view piece)>;
  absl::Status Download(const std::string& sha256, const Sink& sink);
  // Fetches a blob of at most `limit_bytes` into memory; RESOURCE_EXHAUSTED if it is larger.
  absl::StatusOr<std::string> DownloadBytes(const std::string& sha256,
                                            int64_t limit_bytes = 64 << 20);

  // Bytes of blobs sent and received so far.
  int64_t bytes_sent() const { return bytes_sent_; }
  int64_t bytes_received() const { return bytes_received_; }

 private:
  class Retry;
  // Gives the next piece of a blob: bytes [offset, offset + size).
  using ReadAt = std::function<absl::StatusOr<std::string_view>(int64_t offset, int64_t size)>;

  absl::Time DeadlineFor(int64_t bytes) const;
  absl::Status UploadFrom(const BlobRef& blob, const ReadAt& read);
  // Sets `offset` to where the server stands.
  absl::Status QueryWrite(const BlobRef& blob, int64_t& offset);
  absl::Status WriteFrom(const BlobRef& blob, int64_t offset, const ReadAt& read);
  absl::Status DownloadTo(const std::string& sha256, const Sink& sink);
  // Moves `offset` as far as it gets.
  absl::Status ReadFrom(const std::string& sha256, int64_t& offset, const Sink& sink);

  const BlobClientOptions options_;
  const std::unique_ptr<v1::Blobs::StubInterface> stub_;
  std::atomic<int64_t> bytes_sent_ = 0;
  std::atomic<int64_t> bytes_received_ = 0;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_BLOB_CLIENT_H_
