#ifndef ALIGNFLOW_SERVER_SERVICES_WORKERS_SERVICE_H_
#define ALIGNFLOW_SERVER_SERVICES_WORKERS_SERVICE_H_

#include "alignflow/v1/workers.grpc.pb.h"
#include "server/services/service_context.h"

namespace alignflow {

// proto/alignflow/v1/workers.proto. Thread-safe.
class WorkersService final : public v1::Workers::Service {
 public:
  explicit WorkersService(ServiceContext& context) : context_(context) {}

  grpc::Status Register(grpc::ServerContext* call, const v1::RegisterRequest* request,
                        v1::RegisterResponse* response) override;
  grpc::Status Lease(grpc::ServerContext* call, const v1::LeaseRequest* request,
                     v1::LeaseResponse* response) override;
  grpc::Status Heartbeat(grpc::ServerContext* call, const v1::HeartbeatRequest* request,
                         v1::HeartbeatResponse* response) override;
  grpc::Status Report(grpc::ServerContext* call, const v1::ReportRequest* request,
                      v1::ReportResponse* response) override;

 private:
  // Unauthenticated if the worker is not known.
  absl::Status Touch(const std::string& worker);

  ServiceContext& context_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_WORKERS_SERVICE_H_
