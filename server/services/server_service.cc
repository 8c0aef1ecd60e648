#include "server/services/server_service.h"

#include <string>

#include "common/settings/settings.h"
#include "common/version.h"

namespace alignflow {
namespace {

v1::ServerState ToProto(ServingState state) {
  switch (state) {
    case ServingState::kServing:
      return v1::SERVER_STATE_SERVING;
    case ServingState::kDraining:
      return v1::SERVER_STATE_DRAINING;
    case ServingState::kDiskLow:
      return v1::SERVER_STATE_DISK_LOW;
  }
  return v1::SERVER_STATE_UNSPECIFIED;
}

}  // namespace

grpc::Status ServerService::GetServerInfo(grpc::ServerContext*, const v1::GetServerInfoRequest*,
                                          v1::ServerInfo* response) {
  response->set_version(std::string(Version()));
  response->set_result_version(kResultVersion);
  response->set_state(ToProto(context_.serving.state()));
  response->set_free_disk_bytes(context_.serving.free_disk());
  response->set_disk_reserve_bytes(context_.serving.disk_reserve());
  return grpc::Status::OK;
}

}  // namespace alignflow
