#ifndef ALIGNFLOW_SERVER_SERVICES_BLOBS_SERVICE_H_
#define ALIGNFLOW_SERVER_SERVICES_BLOBS_SERVICE_H_

#include <string>

#include "alignflow/v1/blobs.grpc.pb.h"
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
    const std::string& sha256 = request->digest().sha256();
    return StartBlobRead(context_, *call, request->offset(), [sha256] { return sha256; });
  }

 private:
  ServiceContext& context_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_BLOBS_SERVICE_H_
