#ifndef ALIGNFLOW_SERVER_SERVICES_MODELS_SERVICE_H_
#define ALIGNFLOW_SERVER_SERVICES_MODELS_SERVICE_H_

#include "alignflow/v1/models.grpc.pb.h"
#include "server/services/service_context.h"

namespace alignflow {

// proto/alignflow/v1/models.proto. Thread-safe.
class ModelsService final : public v1::Models::WithCallbackMethod_ExportModel<v1::Models::Service> {
 public:
  explicit ModelsService(ServiceContext& context) : context_(context) {}

  grpc::Status ListModels(grpc::ServerContext* call, const v1::ListModelsRequest* request,
                          v1::ListModelsResponse* response) override;
  grpc::Status GetModel(grpc::ServerContext* call, const v1::GetModelRequest* request,
                        v1::Model* response) override;
  grpc::ServerWriteReactor<v1::ReadBlobResponse>* ExportModel(
      grpc::CallbackServerContext* call, const v1::ExportModelRequest* request) override;
  grpc::Status DeleteModel(grpc::ServerContext* call, const v1::DeleteModelRequest* request,
                           google::protobuf::Empty* response) override;

 private:
  ServiceContext& context_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_MODELS_SERVICE_H_
