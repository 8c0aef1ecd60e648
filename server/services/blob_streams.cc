#include "server/services/blob_streams.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/channel.h"
#include "common/digest.h"
#include "common/steady_now.h"
#include "server/access/listener.h"
#include "server/calls/reactors.h"
#include "server/services/blob_owner.h"

namespace alignflow {
namespace {

// Takes the bytes of a blob that is there, to see that the client has them. Not thread-safe.
class BlobProof {
 public:
  explicit BlobProof(const v1::Digest& digest) : digest_(digest) {}

  absl::Status Append(std::string_view bytes) {
    received_ += static_cast<int64_t>(bytes.size());
    hash_.Update(bytes);
    return received_ <= digest_.size_bytes() ? absl::OkStatus() : Wrong();
  }
  absl::Status Commit() {
    if (received_ < digest_.size_bytes()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the stream ended after ", received_, " of ", digest_.size_bytes(), " bytes; go on"));
    }
    return hash_.Finish() == digest_.sha256() ? absl::OkStatus() : Wrong();
  }

 private:
  absl::Status Wrong() const {
    return absl::InvalidArgumentError(
        absl::StrCat("blob ", digest_.sha256(), ": the bytes are others than announced"));
  }

  const v1::Digest digest_;
  Sha256 hash_;
  int64_t received_ = 0;
};

class WriteCall final : public TakingCall<v1::WriteBlobRequest> {
 public:
  WriteCall(ServiceContext& context, grpc::CallbackServerContext& call,
            v1::WriteBlobResponse& response)
      : TakingCall(context.calls, CallKind::kWrite, call),
        context_(context),
        caller_(CallerOf(call, context.access)),
        response_(response) {}

 private:
  absl::StatusOr<bool> Take(const v1::WriteBlobRequest& request) override {
    if (writer_ == nullptr && !proof_) {
      absl::Status status = Open(request);
      if (!status.ok()) return status;
      if (writer_ == nullptr && !proof_) return false;  // the blob is there already
    }
    if (request.data().size() > kBlobChunkBytes) {
      return absl::InvalidArgumentError(absl::StrCat("data: a chunk of ", request.data().size(),
                                                     " bytes; at most ", kBlobChunkBytes));
    }
    context_.metrics.AddBytesIn(static_cast<int64_t>(request.data().size()));
    absl::Status status = proof_ ? proof_->Append(request.data()) : writer_->Append(request.data());
    if (!status.ok()) return status;
    // Even where all has come the end is waited for: who sends more than announced does so in a
    // further message.
    return true;
  }

  absl::Status TakeEnd() override {
    if (writer_ == nullptr && !proof_) {
      return absl::InvalidArgumentError("the stream has no message; the first carries the digest");
    }
    absl::Status status = proof_ ? proof_->Commit() : writer_->Commit();
    if (!status.ok() || caller_.of_pool()) return status;
    const v1::Digest& digest = response_.digest();
    return context_.uploads.Note(caller_.tenant, digest.sha256(), digest.size_bytes(), SteadyNow());
  }

  void LetGo() override {
    writer_.reset();
    proof_.reset();
    owners_call_.reset();
  }

  absl::Status Open(const v1::WriteBlobRequest& request) {
    const v1::Digest& digest = request.digest();
    absl::Status status = CheckDigest(digest);
    if (!status.ok()) return status;
    const auto owner = ParseOwner(context_, request.owner(), WriterOf(caller_));
    if (!owner.ok()) return owner.status();
    owners_call_.emplace(context_.blobs.owners(), *owner);
    if (owner->has_value()) {
      status = context_.blobs.owners().Pin(**owner, {digest.sha256()}, SteadyNow());
      if (!status.ok()) return status;
    }
    *response_.mutable_digest() = digest;
    const absl::StatusOr<bool> own = HasBlob(context_, caller_, digest.sha256());
    if (!own.ok()) return own.status();
    if (!*own) {
      status = context_.uploads.CheckSpace(caller_.tenant, digest.size_bytes(), SteadyNow());
      if (!status.ok()) return status;
    }
    // What only others have is not told: the bytes come, as if it were not there.
    if (!*own && context_.blobs.Contains(digest.sha256())) {
      if (request.offset() != 0) {
        return absl::OutOfRangeError(absl::StrCat("offset ", request.offset(),
                                                  " is not where the server stands (0); ask "
                                                  "QueryWrite"));
      }
      proof_.emplace(digest);
      return absl::OkStatus();
    }
    absl::StatusOr<std::unique_ptr<BlobWriter>> writer = context_.blobs.Write(
        digest.sha256(), digest.size_bytes(), request.offset(), WriterOf(caller_));
    if (!writer.ok()) return writer.status();
    writer_ = *std::move(writer);
    return absl::OkStatus();
  }

  ServiceContext& context_;
  const Caller caller_;
  v1::WriteBlobResponse& response_;
  std::optional<OwnersCall> owners_call_;
  std::optional<BlobProof> proof_;
  std::unique_ptr<BlobWriter> writer_;
};

class ReadCall final : public SendingCall<v1::ReadBlobResponse> {
 public:
  ReadCall(ServiceContext& context, grpc::CallbackServerContext& call, int64_t offset,
           FindBlob find)
      : SendingCall(context.calls, CallKind::kRead, call),
        context_(context),
        offset_(offset),
        find_(std::move(find)) {}

 private:
  absl::StatusOr<Next> FillIn(v1::ReadBlobResponse& response) override {
    if (reader_ == nullptr) {
      const absl::StatusOr<std::string> sha256 = find_();
      if (!sha256.ok()) return sha256.status();
      absl::StatusOr<std::unique_ptr<BlobReader>> reader = context_.blobs.Read(*sha256, offset_);
      if (!reader.ok()) return reader.status();
      reader_ = *std::move(reader);
    }
    absl::StatusOr<std::string> bytes = reader_->Next(kBlobChunkBytes);
    if (!bytes.ok()) return bytes.status();
    if (bytes->empty()) return Next::kEnd;
    context_.metrics.AddBytesOut(static_cast<int64_t>(bytes->size()));
    response.set_data(*std::move(bytes));
    return Next::kMessage;
  }

  ServiceContext& context_;
  const int64_t offset_;
  const FindBlob find_;
  std::unique_ptr<BlobReader> reader_;
};

}  // namespace

absl::StatusOr<bool> HasBlob(ServiceContext& context, const Caller& caller,
                             const std::string& sha256) {
  if (caller.of_pool()) return true;
  return context.uploads.Has(caller.tenant, sha256);
}

std::string WriterOf(const Caller& caller) { return caller.of_pool() ? "" : caller.tenant; }

absl::Status CheckDigest(const v1::Digest& digest) {
  if (IsSha256Hex(digest.sha256()) && digest.size_bytes() >= 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "digest: give 64 lower-case hexadecimal characters and the length in bytes");
}

grpc::ServerReadReactor<v1::WriteBlobRequest>* StartBlobWrite(ServiceContext& context,
                                                              grpc::CallbackServerContext& call,
                                                              v1::WriteBlobResponse& response) {
  return StartCall<WriteCall>(context, call, response);
}

grpc::ServerWriteReactor<v1::ReadBlobResponse>* StartBlobRead(ServiceContext& context,
                                                              grpc::CallbackServerContext& call,
                                                              int64_t offset, FindBlob find) {
  return StartCall<ReadCall>(context, call, offset, std::move(find));
}

}  // namespace alignflow
