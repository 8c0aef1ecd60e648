#ifndef ALIGNFLOW_SERVER_SERVICES_DATASETS_SERVICE_H_
#define ALIGNFLOW_SERVER_SERVICES_DATASETS_SERVICE_H_

#include "alignflow/v1/datasets.grpc.pb.h"
#include "server/services/service_context.h"

namespace alignflow {

// proto/alignflow/v1/datasets.proto. Thread-safe.
class DatasetsService final : public v1::Datasets::Service {
 public:
  explicit DatasetsService(ServiceContext& context) : context_(context) {}

  grpc::Status CreateDataset(grpc::ServerContext* call, const v1::CreateDatasetRequest* request,
                             v1::Dataset* response) override;
  grpc::Status CreateDatasetWithProgress(grpc::ServerContext* call,
                                         const v1::CreateDatasetRequest* request,
                                         grpc::ServerWriter<v1::DatasetCreation>* writer) override;
  grpc::Status GetDataset(grpc::ServerContext* call, const v1::GetDatasetRequest* request,
                          v1::Dataset* response) override;
  grpc::Status ListDatasets(grpc::ServerContext* call, const v1::ListDatasetsRequest* request,
                            v1::ListDatasetsResponse* response) override;
  grpc::Status UpdateDataset(grpc::ServerContext* call, const v1::UpdateDatasetRequest* request,
                             v1::Dataset* response) override;
  grpc::Status DeleteDataset(grpc::ServerContext* call, const v1::DeleteDatasetRequest* request,
                             google::protobuf::Empty* response) override;

 private:
  std::string TenantOf(const grpc::ServerContext& call) const;

  ServiceContext& context_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_DATASETS_SERVICE_H_
