#include "server/services/blobs_service.h"

#include <string>
#include <vector>

#include "common/status_conversion.h"
#include "common/steady_now.h"
#include "server/services/blob_owner.h"

namespace alignflow {
namespace {

constexpr int kMaxFindMissing = 10000;

}  // namespace

grpc::Status BlobsService::FindMissing(grpc::ServerContext* call,
                                       const v1::FindMissingRequest* request,
                                       v1::FindMissingResponse* response) {
  if (request->blobs_size() > kMaxFindMissing) {
    return ToGrpcStatus(absl::InvalidArgumentError("blobs: ask about at most 10,000 at once"));
  }
  const Caller caller = CallerOf(*call, context_.access);
  std::vector<std::string> asked;
  for (const v1::Digest& digest : request->blobs()) {
    absl::Status status = CheckDigest(digest);
    if (!status.ok()) return ToGrpcStatus(status);
    asked.push_back(digest.sha256());
  }
  const auto owner = ParseOwner(context_, request->owner(), WriterOf(caller));
  if (!owner.ok()) return ToGrpcStatus(owner.status());
  if (owner->has_value()) {
    // Before looking, so that what is found stays.
    absl::Status status = context_.blobs.owners().Pin(**owner, asked, SteadyNow());
    if (!status.ok()) return ToGrpcStatus(status);
  }
  for (const v1::Digest& digest : request->blobs()) {
    const absl::StatusOr<bool> own = HasBlob(context_, caller, digest.sha256());
    if (!own.ok()) return ToGrpcStatus(own.status());
    if (!*own || !context_.blobs.Contains(digest.sha256())) *response->add_missing() = digest;
  }
  return grpc::Status::OK;
}

grpc::Status BlobsService::QueryWrite(grpc::ServerContext* call,
                                      const v1::QueryWriteRequest* request,
                                      v1::QueryWriteResponse* response) {
  absl::Status status = CheckDigest(request->digest());
  if (!status.ok()) return ToGrpcStatus(status);
  const Caller caller = CallerOf(*call, context_.access);
  const std::string& sha256 = request->digest().sha256();
  const absl::StatusOr<bool> own = HasBlob(context_, caller, sha256);
  if (!own.ok()) return ToGrpcStatus(own.status());
  BlobStore::WriteProgress progress = context_.blobs.QueryWrite(sha256, WriterOf(caller));
  if (progress.complete && !*own) progress = {};  // others have it, who are not told of
  response->set_committed_bytes(progress.bytes);
  response->set_complete(progress.complete);
  return grpc::Status::OK;
}

}  // namespace alignflow
