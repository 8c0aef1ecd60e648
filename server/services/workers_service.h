#ifndef ALIGNFLOW_SERVER_SERVICES_WORKERS_SERVICE_H_
#define ALIGNFLOW_SERVER_SERVICES_WORKERS_SERVICE_H_

#include "alignflow/v1/workers.grpc.pb.h"
#include "server/services/lease_call.h"
#include "server/services/service_context.h"

namespace alignflow {

// proto/alignflow/v1/workers.proto. Thread-safe.
class WorkersService final : public v1::Workers::WithCallbackMethod_Lease<v1::Workers::Service> {
 public:
  explicit WorkersService(ServiceContext& context) : context_(context) {}

  grpc::Status Register(grpc::ServerContext* call, const v1::RegisterRequest* request,
                        v1::RegisterResponse* response) override;
  grpc::ServerUnaryReactor* Lease(grpc::CallbackServerContext* call,
                                  const v1::LeaseRequest* request,
                                  v1::LeaseResponse* response) override {
    return StartLease(context_, *call, *request, *response);
  }
  grpc::Status Heartbeat(grpc::ServerContext* call, const v1::HeartbeatRequest* request,
                         v1::HeartbeatResponse* response) override;
  grpc::Status Report(grpc::ServerContext* call, const v1::ReportRequest* request,
                      v1::ReportResponse* response) override;

 private:
  ServiceContext& context_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_WORKERS_SERVICE_H_
