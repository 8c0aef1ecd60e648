#ifndef ALIGNFLOW_SERVER_SERVICES_RPC_METRICS_H_
#define ALIGNFLOW_SERVER_SERVICES_RPC_METRICS_H_

#include <memory>

#include "grpcpp/support/server_interceptor.h"
#include "server/metrics.h"

namespace alignflow {

// Measures every call of our own services, from its arrival to its status, and logs the errors that
// are the coordinator's own fault or its disk's. The metrics must outlive the server.
std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeRpcMetrics(
    ServerMetrics& metrics);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_RPC_METRICS_H_
