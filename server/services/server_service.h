#ifndef ALIGNFLOW_SERVER_SERVICES_SERVER_SERVICE_H_
#define ALIGNFLOW_SERVER_SERVICES_SERVER_SERVICE_H_

#include "alignflow/v1/server.grpc.pb.h"
#include "server/services/service_context.h"
#include "server/services/space_look.h"

namespace alignflow {

// proto/alignflow/v1/server.proto. Thread-safe.
class ServerService final : public v1::Server::Service {
 public:
  explicit ServerService(ServiceContext& context) : context_(context) {}

  grpc::Status GetServerInfo(grpc::ServerContext* call, const v1::GetServerInfoRequest* request,
                             v1::ServerInfo* response) override;
  grpc::Status GetCaller(grpc::ServerContext* call, const v1::GetCallerRequest* request,
                         v1::CallerInfo* response) override;
  grpc::Status ListSpaceUses(grpc::ServerContext* call, const v1::ListSpaceUsesRequest* request,
                             v1::ListSpaceUsesResponse* response) override;

 private:
  ServiceContext& context_;
  SpaceLooks looks_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_SERVER_SERVICE_H_
