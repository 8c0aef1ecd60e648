#include "common/blob_client.h"

#include <algorithm>
#include <fstream>
#include <random>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/channel.h"
#include "common/digest.h"
#include "common/partial_file.h"
#include "common/status_conversion.h"

namespace alignflow {
namespace {

constexpr size_t kFindMissingLimit = 10000;  // blobs.proto
// A download of unknown size gets a deadline for this much, then goes on where it stood.
constexpr int64_t kDownloadBytesPerAttempt = 32 << 20;

v1::Digest ToProto(const BlobRef& blob) {
  v1::Digest digest;
  digest.set_sha256(blob.sha256);
  digest.set_size_bytes(blob.size_bytes);
  return digest;
}

double Uniform() {
  thread_local std::minstd_rand generator{std::random_device{}()};
  return std::uniform_real_distribution<double>(0.0, 1.0)(generator);
}

absl::Status Mismatch(const std::string& sha256) {
  return absl::DataLossError(
      absl::StrCat("fetching blob ", sha256, ": the bytes that came don't match the digest"));
}

}  // namespace

// Decides whether a failed attempt is worth another, and waits before it.
class BlobClient::Retry {
 public:
  explicit Retry(const BlobClientOptions& options)
      : options_(options), give_up_(absl::Now() + options.retry_for) {}

  // OK: try again now. Otherwise the error to return. `moved`: the attempt got further than the one
  // before it, which starts the patience anew.
  absl::Status After(const absl::Status& error, bool moved) {
    if (options_.interrupted()) return absl::CancelledError("stopped");
    if (moved) {
      failures_ = 0;
      give_up_ = absl::Now() + options_.retry_for;
    }
    // CANCELLED is how a server that closes ends its streams.
    const bool again = absl::IsUnavailable(error) || absl::IsCancelled(error) ||
                       (options_.waits_for_space && absl::IsResourceExhausted(error)) ||
                       (absl::IsDeadlineExceeded(error) && moved);
    if (!again || absl::Now() >= give_up_) return error;
    const absl::Time until = absl::Now() + BackoffDelay(options_.backoff, ++failures_, Uniform());
    while (absl::Now() < until) {
      if (options_.interrupted()) return absl::CancelledError("stopped");
      absl::SleepFor(std::min(until - absl::Now(), absl::Milliseconds(50)));
    }
    return absl::OkStatus();
  }

 private:
  const BlobClientOptions& options_;
  absl::Time give_up_;
  int failures_ = 0;
};

BlobRef DescribeBytes(std::string_view bytes) {
  return {Sha256OfString(bytes), static_cast<int64_t>(bytes.size())};
}

absl::StatusOr<BlobFile> DescribeFile(const std::filesystem::path& file) {
  absl::StatusOr<std::string> digest = Sha256OfFile(file);
  if (!digest.ok()) return digest.status();
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  if (error) return absl::InternalError(absl::StrCat(file.string(), ": ", error.message()));
  return BlobFile{{*std::move(digest), static_cast<int64_t>(size)}, file};
}

BlobClient::BlobClient(std::shared_ptr<grpc::ChannelInterface> channel, BlobClientOptions options)
    : options_(std::move(options)), stub_(v1::Blobs::NewStub(channel)) {}

absl::Time BlobClient::DeadlineFor(int64_t bytes) const {
  return absl::Now() + options_.rpc_deadline +
         absl::Seconds(static_cast<double>(bytes) /
                       static_cast<double>(options_.slowest_bytes_per_second));
}

absl::StatusOr<std::vector<BlobRef>> BlobClient::FindMissing(const std::vector<BlobRef>& blobs) {
  std::vector<BlobRef> missing;
  for (size_t begin = 0; begin < blobs.size(); begin += kFindMissingLimit) {
    v1::FindMissingRequest request;
    *request.mutable_owner() = options_.owner;
    const size_t end = std::min(begin + kFindMissingLimit, blobs.size());
    for (size_t i = begin; i < end; ++i) *request.add_blobs() = ToProto(blobs[i]);
    v1::FindMissingResponse response;
    Retry retry(options_);
    for (;;) {
      grpc::ClientContext context;
      context.set_deadline(absl::ToChronoTime(DeadlineFor(0)));
      const absl::Status status = FromGrpcStatus(stub_->FindMissing(&context, request, &response));
      if (status.ok()) break;
      const absl::Status error = retry.After(status, false);
      if (!error.ok()) return Annotate(error, "asking which blobs are missing");
    }
    for (const v1::Digest& digest : response.missing()) {
      missing.push_back({digest.sha256(), digest.size_bytes()});
    }
  }
  return missing;
}

absl::Status BlobClient::Upload(const BlobRef& blob, std::string_view bytes) {
  return UploadFrom(blob,
                    [bytes](int64_t offset, int64_t size) { return bytes.substr(offset, size); });
}

absl::Status BlobClient::Upload(const BlobFile& blob) {
  std::ifstream in(blob.file, std::ios::binary);
  std::string buffer;
  return UploadFrom(blob.blob,
                    [&](int64_t offset, int64_t size) -> absl::StatusOr<std::string_view> {
                      buffer.resize(size);
                      if (!in.seekg(offset) || !in.read(buffer.data(), size)) {
                        return absl::FailedPreconditionError(
                            absl::StrCat(blob.file.string(), ": can't be read any more"));
                      }
                      return buffer;
                    });
}

absl::Status BlobClient::UploadFrom(const BlobRef& blob, const ReadAt& read) {
  Retry retry(options_);
  int64_t furthest = -1;
  // A blob of one chunk isn't worth asking how much of it is there already.
  for (bool ask = blob.size_bytes > kBlobChunkBytes;; ask = true) {
    int64_t offset = ask ? -1 : 0;
    absl::Status status = absl::OkStatus();
    if (ask) status = QueryWrite(blob, offset);
    if (status.ok()) status = WriteFrom(blob, offset, read);
    if (status.ok()) return status;
    // Another writer of the same bytes, or an earlier run of this program, has moved the offset.
    if (absl::IsOutOfRange(status)) status = absl::UnavailableError(status.message());
    const absl::Status error = retry.After(status, offset > furthest);
    if (!error.ok()) return Annotate(error, absl::StrCat("sending blob ", blob.sha256));
    furthest = std::max(furthest, offset);
  }
}

absl::Status BlobClient::QueryWrite(const BlobRef& blob, int64_t& offset) {
  v1::QueryWriteRequest request;
  *request.mutable_digest() = ToProto(blob);
  v1::QueryWriteResponse response;
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(DeadlineFor(0)));
  const absl::Status status = FromGrpcStatus(stub_->QueryWrite(&context, request, &response));
  if (!status.ok()) return status;
  offset = response.complete() ? blob.size_bytes : response.committed_bytes();
  if (offset < 0 || offset > blob.size_bytes) {
    return absl::InternalError("the server holds more than the blob's bytes");
  }
  return absl::OkStatus();
}

absl::Status BlobClient::WriteFrom(const BlobRef& blob, int64_t offset, const ReadAt& read) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(DeadlineFor(blob.size_bytes - offset)));
  v1::WriteBlobResponse response;
  const auto writer = stub_->Write(&context, &response);
  v1::WriteBlobRequest request;
  *request.mutable_digest() = ToProto(blob);
  request.set_offset(offset);
  *request.mutable_owner() = options_.owner;
  absl::Status local = absl::OkStatus();
  do {
    const int64_t size = std::min<int64_t>(kBlobChunkBytes, blob.size_bytes - offset);
    absl::StatusOr<std::string_view> piece = read(offset, size);
    local = options_.interrupted() ? absl::CancelledError("stopped") : piece.status();
    if (!local.ok()) break;
    request.set_data(piece->data(), piece->size());
    // False: the server has ended the call, with success if another writer was quicker.
    if (!writer->Write(request)) break;
    request.clear_digest();
    request.clear_offset();
    request.clear_owner();
    offset += size;
    bytes_sent_ += size;
  } while (offset < blob.size_bytes);
  if (!local.ok()) {
    context.TryCancel();
    (void)writer->Finish();
    return local;
  }
  writer->WritesDone();
  return FromGrpcStatus(writer->Finish());
}

absl::Status BlobClient::UploadMany(const std::vector<BlobFile>& files,
                                    const UploadProgress& progress, int streams) {
  std::vector<BlobRef> blobs;
  int64_t total = 0;
  std::set<std::string> seen;
  for (const BlobFile& file : files) {
    if (!seen.insert(file.blob.sha256).second) continue;
    blobs.push_back(file.blob);
    total += file.blob.size_bytes;
  }
  const absl::StatusOr<std::vector<BlobRef>> missing = FindMissing(blobs);
  if (!missing.ok()) return missing.status();
  std::set<std::string> wanted;
  for (const BlobRef& blob : *missing) wanted.insert(blob.sha256);
  std::vector<const BlobFile*> queue;
  int64_t done = total;
  for (const BlobFile& file : files) {
    if (wanted.erase(file.blob.sha256) == 0) continue;
    queue.push_back(&file);
    done -= file.blob.size_bytes;
  }
  if (progress) progress(done, total);

  absl::Mutex mutex;
  absl::Status result = absl::OkStatus();
  size_t next = 0;
  const auto work = [&] {
    absl::MutexLock lock(&mutex);
    while (result.ok() && next < queue.size()) {
      const BlobFile& file = *queue[next++];
      mutex.Unlock();
      const absl::Status status = Upload(file);
      mutex.Lock();
      result.Update(status);
      if (!status.ok()) break;
      done += file.blob.size_bytes;
      if (progress) progress(done, total);
    }
  };
  std::vector<std::jthread> threads;
  for (int i = 1; i < std::min<int>(streams, static_cast<int>(queue.size())); ++i) {
    threads.emplace_back(work);
  }
  work();
  threads.clear();
  return result;
}

absl::Status BlobClient::Download(const std::string& sha256, const std::filesystem::path& file) {
  PartialFile part(file);
  absl::Status status =
      Download(sha256, [&](std::string_view piece) { return part.Append(piece); });
  return status.ok() ? part.Rename() : status;
}

absl::Status BlobClient::Download(const std::string& sha256, const Sink& sink) {
  Sha256 hash;
  absl::Status taken = absl::OkStatus();
  absl::Status status = DownloadTo(sha256, [&](std::string_view piece) {
    hash.Update(piece);
    return taken = sink(piece);
  });
  if (!taken.ok()) return taken;
  if (!status.ok()) return status;
  return hash.Finish() == sha256 ? absl::OkStatus() : Mismatch(sha256);
}

absl::StatusOr<std::string> BlobClient::DownloadBytes(const std::string& sha256,
                                                      int64_t limit_bytes) {
  std::string bytes;
  absl::Status status = Download(sha256, [&](std::string_view piece) {
    if (static_cast<int64_t>(bytes.size() + piece.size()) > limit_bytes) {
      return absl::ResourceExhaustedError(absl::StrCat("larger than ", limit_bytes, " bytes"));
    }
    bytes.append(piece);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return bytes;
}

absl::Status BlobClient::DownloadTo(const std::string& sha256, const Sink& sink) {
  Retry retry(options_);
  int64_t offset = 0;
  int64_t furthest = 0;
  for (;;) {
    const absl::Status status = ReadFrom(sha256, offset, sink);
    if (status.ok()) return status;
    const absl::Status error = retry.After(status, offset > furthest);
    if (!error.ok()) return Annotate(error, absl::StrCat("fetching blob ", sha256));
    furthest = offset;
  }
}

absl::Status BlobClient::ReadFrom(const std::string& sha256, int64_t& offset, const Sink& sink) {
  v1::ReadBlobRequest request;
  request.mutable_digest()->set_sha256(sha256);
  request.set_offset(offset);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(DeadlineFor(kDownloadBytesPerAttempt)));
  const auto reader = stub_->Read(&context, request);
  v1::ReadBlobResponse response;
  absl::Status local = absl::OkStatus();
  while (local.ok() && reader->Read(&response)) {
    local = options_.interrupted() ? absl::CancelledError("stopped") : sink(response.data());
    offset += static_cast<int64_t>(response.data().size());
    bytes_received_ += static_cast<int64_t>(response.data().size());
  }
  if (!local.ok()) context.TryCancel();
  const absl::Status remote = FromGrpcStatus(reader->Finish());
  return local.ok() ? remote : local;
}

}  // namespace alignflow
