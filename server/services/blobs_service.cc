#include "server/services/blobs_service.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/channel.h"
#include "common/digest.h"
#include "common/status_conversion.h"
#include "server/services/blob_owner.h"

namespace alignflow {
namespace {

constexpr int kMaxFindMissing = 10000;

absl::Status CheckDigest(const v1::Digest& digest) {
  if (IsSha256Hex(digest.sha256()) && digest.size_bytes() >= 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "digest: give 64 lower-case hexadecimal characters and the length in bytes");
}

absl::Status AppendChunk(const std::string& data, BlobWriter& writer, ServerMetrics& metrics) {
  if (data.size() > kBlobChunkBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("data: a chunk of ", data.size(), " bytes; at most ", kBlobChunkBytes));
  }
  metrics.AddBytesIn(static_cast<int64_t>(data.size()));
  return writer.Append(data);
}

absl::Status ReceiveBlob(ServiceContext& context, grpc::ServerReader<v1::WriteBlobRequest>& reader,
                         v1::Digest& digest) {
  v1::WriteBlobRequest request;
  if (!reader.Read(&request)) {
    return absl::InvalidArgumentError("the stream has no message; the first carries the digest");
  }
  digest = request.digest();
  absl::Status status = CheckDigest(digest);
  if (!status.ok()) return status;
  const auto owner = ParseOwner(context, request.owner());
  if (!owner.ok()) return owner.status();
  const OwnersCall call(context.blobs.owners(), *owner);
  if (owner->has_value()) {
    status = context.blobs.owners().Pin(**owner, {digest.sha256()}, absl::Now());
    if (!status.ok()) return status;
  }
  absl::StatusOr<std::unique_ptr<BlobWriter>> writer =
      context.blobs.Write(digest.sha256(), digest.size_bytes(), request.offset());
  if (!writer.ok()) return writer.status();
  if (*writer == nullptr) return absl::OkStatus();  // it is there already
  do {
    status = AppendChunk(request.data(), **writer, context.metrics);
    if (!status.ok()) return status;
  } while ((*writer)->received() < digest.size_bytes() && reader.Read(&request));
  // A client that sends more than it announced does so in a further message.
  while ((*writer)->received() == digest.size_bytes() && reader.Read(&request)) {
    status = AppendChunk(request.data(), **writer, context.metrics);
    if (!status.ok()) return status;
  }
  return (*writer)->Commit();
}

}  // namespace

grpc::Status BlobsService::FindMissing(grpc::ServerContext*, const v1::FindMissingRequest* request,
                                       v1::FindMissingResponse* response) {
  if (request->blobs_size() > kMaxFindMissing) {
    return ToGrpcStatus(absl::InvalidArgumentError("blobs: ask about at most 10,000 at once"));
  }
  std::vector<std::string> asked;
  for (const v1::Digest& digest : request->blobs()) {
    absl::Status status = CheckDigest(digest);
    if (!status.ok()) return ToGrpcStatus(status);
    asked.push_back(digest.sha256());
  }
  const auto owner = ParseOwner(context_, request->owner());
  if (!owner.ok()) return ToGrpcStatus(owner.status());
  if (owner->has_value()) {
    // Before looking, so that what is found stays.
    absl::Status status = context_.blobs.owners().Pin(**owner, asked, absl::Now());
    if (!status.ok()) return ToGrpcStatus(status);
  }
  for (const v1::Digest& digest : request->blobs()) {
    if (!context_.blobs.Contains(digest.sha256())) *response->add_missing() = digest;
  }
  return grpc::Status::OK;
}

grpc::Status BlobsService::Write(grpc::ServerContext*,
                                 grpc::ServerReader<v1::WriteBlobRequest>* reader,
                                 v1::WriteBlobResponse* response) {
  v1::Digest digest;
  absl::Status status = ReceiveBlob(context_, *reader, digest);
  if (status.ok()) *response->mutable_digest() = digest;
  return ToGrpcStatus(status);
}

grpc::Status BlobsService::QueryWrite(grpc::ServerContext*, const v1::QueryWriteRequest* request,
                                      v1::QueryWriteResponse* response) {
  absl::Status status = CheckDigest(request->digest());
  if (!status.ok()) return ToGrpcStatus(status);
  const BlobStore::WriteProgress progress = context_.blobs.QueryWrite(request->digest().sha256());
  response->set_committed_bytes(progress.bytes);
  response->set_complete(progress.complete);
  return grpc::Status::OK;
}

grpc::Status BlobsService::Read(grpc::ServerContext*, const v1::ReadBlobRequest* request,
                                grpc::ServerWriter<v1::ReadBlobResponse>* writer) {
  return ToGrpcStatus(SendBlob(context_, request->digest().sha256(), request->offset(), *writer));
}

absl::Status SendBlob(ServiceContext& context, const std::string& sha256, int64_t offset,
                      grpc::ServerWriter<v1::ReadBlobResponse>& writer) {
  absl::StatusOr<std::unique_ptr<BlobReader>> reader = context.blobs.Read(sha256, offset);
  if (!reader.ok()) return reader.status();
  for (;;) {
    absl::StatusOr<std::string> bytes = (*reader)->Next(kBlobChunkBytes);
    if (!bytes.ok()) return bytes.status();
    if (bytes->empty()) return absl::OkStatus();
    context.metrics.AddBytesOut(static_cast<int64_t>(bytes->size()));
    v1::ReadBlobResponse response;
    response.set_data(*std::move(bytes));
    if (!writer.Write(response)) return absl::CancelledError("the client has gone");
  }
}

}  // namespace alignflow
