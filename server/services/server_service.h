#ifndef ALIGNFLOW_SERVER_SERVICES_SERVER_SERVICE_H_
#define ALIGNFLOW_SERVER_SERVICES_SERVER_SERVICE_H_

#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
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
  // The tenant's looks; there are as many as tenants that have asked.
  SpaceLooks& LooksOf(const std::string& tenant);

  absl::Mutex mutex_;
  std::map<std::string, SpaceLooks> looks_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_SERVER_SERVICE_H_
