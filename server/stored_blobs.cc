#include "server/stored_blobs.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/digest.h"
#include "server/blobs/blob_stream.h"
#include "server/blobs/bucket_note.h"
#include "server/blobs/object_source.h"

namespace alignflow {
namespace {

constexpr int64_t kChunkBytes = 1 << 20;
constexpr int kRemoteThreads = 16;

std::filesystem::path PathOf(const std::filesystem::path& folder, const std::string& sha256) {
  return folder / sha256.substr(0, 2) / sha256.substr(2);
}

}  // namespace

absl::StatusOr<StoredBlobs> StoredBlobs::Open(const std::filesystem::path& state,
                                              const BucketOptions& bucket) {
  StoredBlobs blobs;
  blobs.folder_ = state / "blobs";
  const absl::StatusOr<std::optional<BucketNote>> note =
      ReadBucketNote(BucketNoteOf(blobs.folder_));
  if (!note.ok()) return note.status();
  if (!note->has_value()) {
    if (!bucket.given()) return blobs;
    return absl::FailedPreconditionError(
        absl::StrCat(state.string(), ": has its blobs in itself; leave --blobs out"));
  }
  if (bucket.Url() != (*note)->bucket) {
    return absl::FailedPreconditionError(absl::StrCat(state.string(), ": its blobs are in ",
                                                      (*note)->bucket, "; give --blobs ",
                                                      (*note)->bucket, " and its --s3-endpoint"));
  }
  absl::StatusOr<std::unique_ptr<Bucket>> opened = Bucket::Open(bucket);
  if (!opened.ok()) return opened.status();
  blobs.bucket_ = *std::move(opened);
  // Before it is taken for a bucket without blobs.
  absl::Status status = blobs.bucket_->List("", 1).status();
  if (!status.ok()) return status;
  return blobs;
}

absl::StatusOr<int64_t> StoredBlobs::SizeOf(const std::string& sha256) const {
  if (bucket_ != nullptr) return bucket_->SizeOf(sha256);
  const int64_t size = SizeOfFile(PathOf(folder_, sha256));
  if (size < 0) return NoBlob(sha256);
  return size;
}

absl::Status StoredBlobs::Read(const std::string& sha256, int64_t size,
                               absl::FunctionRef<absl::Status(std::string_view)> use) const {
  if (bucket_ != nullptr) return ReadObject(*bucket_, sha256, size, use);
  const FileHandle file(open(PathOf(folder_, sha256).c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return NoBlob(sha256);
  Sha256 hash;
  std::string chunk(kChunkBytes, '\0');
  for (;;) {
    const ssize_t count = read(file.get(), chunk.data(), chunk.size());
    if (count < 0) return absl::DataLossError(absl::StrCat("blob ", sha256, " can't be read"));
    if (count == 0) break;
    const std::string_view bytes(chunk.data(), count);
    hash.Update(bytes);
    absl::Status used = use(bytes);
    if (!used.ok()) return used;
  }
  if (hash.Finish() == sha256) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("blob ", sha256, " is damaged"));
}

absl::Status StoredBlobs::ForEach(
    const std::vector<std::string>& blobs,
    const std::function<absl::Status(const std::string&)>& body) const {
  return ForEachBlob(blobs, bucket_ == nullptr ? 1 : kRemoteThreads, body);
}

absl::Status ForEachBlob(const std::vector<std::string>& blobs, int threads,
                         const std::function<absl::Status(const std::string&)>& body) {
  std::atomic<size_t> next = 0;
  absl::Mutex mutex;
  absl::Status first;
  const auto work = [&] {
    for (size_t i = next++; i < blobs.size(); i = next++) {
      const absl::Status status = body(blobs[i]);
      if (status.ok()) continue;
      absl::MutexLock lock(&mutex);
      first.Update(status);
      next = blobs.size();
    }
  };
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back(work);
  work();
  for (std::thread& other : others) other.join();
  return first;
}

}  // namespace alignflow
