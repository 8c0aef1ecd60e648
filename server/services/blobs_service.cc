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
    absl::Status status = context_.blobs.owners().Pin(**owner, asked, SteadyNow());
    if (!status.ok()) return ToGrpcStatus(status);
  }
  for (const v1::Digest& digest : request->blobs()) {
    if (!context_.blobs.Contains(digest.sha256())) *response->add_missing() = digest;
  }
  return grpc::Status::OK;
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

}  // namespace alignflow
