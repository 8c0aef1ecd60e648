#ifndef ALIGNFLOW_SERVER_SERVICES_BLOBS_SERVICE_H_
#define ALIGNFLOW_SERVER_SERVICES_BLOBS_SERVICE_H_

#include <string>

#include "absl/strings/str_cat.h"
#include "alignflow/v1/blobs.grpc.pb.h"
#include "common/digest.h"
#include "server/access/listener.h"
#include "server/services/blob_streams.h"
#include "server/services/service_context.h"

namespace alignflow {

// proto/alignflow/v1/blobs.proto. Thread-safe.
class BlobsService final : public v1::Blobs::WithCallbackMethod_Write<
                               v1::Blobs::WithCallbackMethod_Read<v1::Blobs::Service>> {
 public:
  explicit BlobsService(ServiceContext& context) : context_(context) {}

  grpc::Status FindMissing(grpc::ServerContext* call, const v1::FindMissingRequest* request,
                           v1::FindMissingResponse* response) override;
  grpc::ServerReadReactor<v1::WriteBlobRequest>* Write(grpc::CallbackServerContext* call,
                                                       v1::WriteBlobResponse* response) override {
    return StartBlobWrite(context_, *call, *response);
  }
  grpc::Status QueryWrite(grpc::ServerContext* call, const v1::QueryWriteRequest* request,
                          v1::QueryWriteResponse* response) override;
  grpc::ServerWriteReactor<v1::ReadBlobResponse>* Read(
      grpc::CallbackServerContext* call, const v1::ReadBlobRequest* request) override {
    const auto find = [this, caller = CallerOf(*call, context_.access),
                       sha256 = request->digest().sha256()]() -> absl::StatusOr<std::string> {
      const absl::StatusOr<bool> own = HasBlob(context_, caller, sha256);
      if (!own.ok()) return own.status();
      // In the words of a blob that is not there; a malformed digest has words of its own.
      if (*own || !IsSha256Hex(sha256)) return sha256;
      return absl::NotFoundError(absl::StrCat("there is no blob ", sha256));
    };
    return StartBlobRead(context_, *call, request->offset(), find);
  }

 private:
  ServiceContext& context_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_BLOBS_SERVICE_H_
