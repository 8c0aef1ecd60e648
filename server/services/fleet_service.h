#ifndef ALIGNFLOW_SERVER_SERVICES_FLEET_SERVICE_H_
#define ALIGNFLOW_SERVER_SERVICES_FLEET_SERVICE_H_

#include "alignflow/v1/fleet.grpc.pb.h"
#include "server/services/service_context.h"

namespace alignflow {

// proto/alignflow/v1/fleet.proto. Thread-safe.
class FleetService final : public v1::Fleet::Service {
 public:
  explicit FleetService(ServiceContext& context) : context_(context) {}

  grpc::Status ListWorkers(grpc::ServerContext* call, const v1::ListWorkersRequest* request,
                           v1::ListWorkersResponse* response) override;
  grpc::Status SetWorkerMode(grpc::ServerContext* call, const v1::SetWorkerModeRequest* request,
                             v1::Worker* response) override;

 private:
  // Whether the default tenant is the only one.
  absl::StatusOr<bool> OneTenant();

  ServiceContext& context_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_FLEET_SERVICE_H_
