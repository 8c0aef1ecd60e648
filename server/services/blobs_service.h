#ifndef ALIGNFLOW_SERVER_SERVICES_BLOBS_SERVICE_H_
#define ALIGNFLOW_SERVER_SERVICES_BLOBS_SERVICE_H_

#include "alignflow/v1/blobs.grpc.pb.h"
#include "server/services/service_context.h"

namespace alignflow {

// proto/alignflow/v1/blobs.proto. Thread-safe.
class BlobsService final : public v1::Blobs::Service {
 public:
  explicit BlobsService(ServiceContext& context) : context_(context) {}

  grpc::Status FindMissing(grpc::ServerContext* call, const v1::FindMissingRequest* request,
                           v1::FindMissingResponse* response) override;
  grpc::Status Write(grpc::ServerContext* call, grpc::ServerReader<v1::WriteBlobRequest>* reader,
                     v1::WriteBlobResponse* response) override;
  grpc::Status QueryWrite(grpc::ServerContext* call, const v1::QueryWriteRequest* request,
                          v1::QueryWriteResponse* response) override;
  grpc::Status Read(grpc::ServerContext* call, const v1::ReadBlobRequest* request,
                    grpc::ServerWriter<v1::ReadBlobResponse>* writer) override;

 private:
  ServiceContext& context_;
};

// Sends a blob from an offset on, in chunks of at most 1 MiB. Errors as in Blobs.Read.
absl::Status SendBlob(ServiceContext& context, const std::string& sha256, int64_t offset,
                      grpc::ServerWriter<v1::ReadBlobResponse>& writer);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_BLOBS_SERVICE_H_
