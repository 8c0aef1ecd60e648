#ifndef ALIGNFLOW_TESTS_COMMON_FAKE_BLOBS_H_
#define ALIGNFLOW_TESTS_COMMON_FAKE_BLOBS_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "alignflow/v1/blobs.grpc.pb.h"
#include "common/digest.h"

namespace alignflow {

// A blob server in memory that keeps the rules of blobs.proto and breaks on request.
class FakeBlobs : public v1::Blobs::Service {
 public:
  // Each Write or Read stream breaks after so many messages, `breaks` times in all.
  void BreakStreams(int breaks, int after_messages) {
    absl::MutexLock lock(&mutex_);
    breaks_ = breaks;
    break_after_ = after_messages;
  }
  // Every call waits for Release from now on.
  // The next so many writes find no space.
  void FillFor(int writes) {
    absl::MutexLock lock(&mutex_);
    full_ = writes;
  }
  void Hang() {
    absl::MutexLock lock(&mutex_);
    hanging_ = true;
  }
  void Release() {
    absl::MutexLock lock(&mutex_);
    hanging_ = false;
  }
  std::string Put(const std::string& bytes) { return PutAs(Sha256OfString(bytes), bytes); }
  // Under a digest that may be another's.
  std::string PutAs(const std::string& sha256, const std::string& bytes) {
    absl::MutexLock lock(&mutex_);
    blobs_[sha256] = bytes;
    return sha256;
  }
  void Remove(const std::string& sha256) {
    absl::MutexLock lock(&mutex_);
    blobs_.erase(sha256);
  }
  std::string Get(const std::string& sha256) {
    absl::MutexLock lock(&mutex_);
    return blobs_.count(sha256) != 0 ? blobs_[sha256] : "";
  }
  int reads() {
    absl::MutexLock lock(&mutex_);
    return reads_;
  }
  std::vector<int64_t> write_offsets() {
    absl::MutexLock lock(&mutex_);
    return write_offsets_;
  }
  std::vector<int64_t> read_offsets() {
    absl::MutexLock lock(&mutex_);
    return read_offsets_;
  }

  v1::BlobOwner last_owner() {
    absl::MutexLock lock(&mutex_);
    return last_owner_;
  }

  grpc::Status FindMissing(grpc::ServerContext*, const v1::FindMissingRequest* request,
                           v1::FindMissingResponse* response) override {
    absl::MutexLock lock(&mutex_);
    WaitWhileHanging();
    if (request->blobs_size() > 10000) {
      return {grpc::StatusCode::INVALID_ARGUMENT, "more than 10,000 digests"};
    }
    for (const v1::Digest& digest : request->blobs()) {
      if (blobs_.count(digest.sha256()) == 0) *response->add_missing() = digest;
    }
    return grpc::Status::OK;
  }

  grpc::Status Write(grpc::ServerContext*, grpc::ServerReader<v1::WriteBlobRequest>* reader,
                     v1::WriteBlobResponse* response) override {
    v1::WriteBlobRequest request;
    std::string sha256;
    for (int messages = 1; reader->Read(&request); ++messages) {
      absl::MutexLock lock(&mutex_);
      if (request.has_owner()) last_owner_ = request.owner();
      WaitWhileHanging();
      if (request.data().size() > (1 << 20)) {
        return {grpc::StatusCode::INVALID_ARGUMENT, "chunk above 1 MiB"};
      }
      if (full_ > 0) {
        --full_;
        return {grpc::StatusCode::RESOURCE_EXHAUSTED, "no space left"};
      }
      if (messages == 1) {
        sha256 = request.digest().sha256();
        write_offsets_.push_back(request.offset());
        if (blobs_.count(sha256) != 0) return grpc::Status::OK;
        if (request.offset() != static_cast<int64_t>(partial_[sha256].size())) {
          return {grpc::StatusCode::OUT_OF_RANGE, "the server stands elsewhere"};
        }
      }
      partial_[sha256] += request.data();
      if (BreakNow(messages)) return {grpc::StatusCode::UNAVAILABLE, "broken on purpose"};
    }
    absl::MutexLock lock(&mutex_);
    std::string bytes = std::exchange(partial_[sha256], "");
    if (Sha256OfString(bytes) != sha256) {
      return {grpc::StatusCode::INVALID_ARGUMENT, "the bytes don't match the digest"};
    }
    blobs_[sha256] = std::move(bytes);
    response->mutable_digest()->set_sha256(sha256);
    return grpc::Status::OK;
  }

  grpc::Status QueryWrite(grpc::ServerContext*, const v1::QueryWriteRequest* request,
                          v1::QueryWriteResponse* response) override {
    absl::MutexLock lock(&mutex_);
    WaitWhileHanging();
    const std::string& sha256 = request->digest().sha256();
    response->set_complete(blobs_.count(sha256) != 0);
    response->set_committed_bytes(static_cast<int64_t>(
        response->complete() ? blobs_[sha256].size() : partial_[sha256].size()));
    return grpc::Status::OK;
  }

  grpc::Status Read(grpc::ServerContext*, const v1::ReadBlobRequest* request,
                    grpc::ServerWriter<v1::ReadBlobResponse>* writer) override {
    std::string bytes;
    {
      absl::MutexLock lock(&mutex_);
      ++reads_;
      read_offsets_.push_back(request->offset());
      WaitWhileHanging();
      const auto found = blobs_.find(request->digest().sha256());
      if (found == blobs_.end()) return {grpc::StatusCode::NOT_FOUND, "no such blob"};
      bytes = found->second;
    }
    int messages = 0;
    for (size_t at = request->offset(); at < bytes.size(); at += 1 << 20) {
      v1::ReadBlobResponse response;
      response.set_data(bytes.substr(at, 1 << 20));
      writer->Write(response);
      absl::MutexLock lock(&mutex_);
      if (BreakNow(++messages)) return {grpc::StatusCode::UNAVAILABLE, "broken on purpose"};
    }
    return grpc::Status::OK;
  }

 private:
  void WaitWhileHanging() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    mutex_.Await(absl::Condition(
        +[](bool* hanging) { return !*hanging; }, &hanging_));
  }
  bool BreakNow(int messages) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (breaks_ == 0 || messages < break_after_) return false;
    --breaks_;
    return true;
  }

  absl::Mutex mutex_;
  int full_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, std::string> blobs_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> partial_ ABSL_GUARDED_BY(mutex_);
  std::vector<int64_t> write_offsets_ ABSL_GUARDED_BY(mutex_);
  std::vector<int64_t> read_offsets_ ABSL_GUARDED_BY(mutex_);
  int breaks_ ABSL_GUARDED_BY(mutex_) = 0;
  int break_after_ ABSL_GUARDED_BY(mutex_) = 0;
  v1::BlobOwner last_owner_;
  int reads_ ABSL_GUARDED_BY(mutex_) = 0;
  bool hanging_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_TESTS_COMMON_FAKE_BLOBS_H_
