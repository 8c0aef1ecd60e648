#ifndef ALIGNFLOW_SERVER_SERVICES_LEASE_CALL_H_
#define ALIGNFLOW_SERVER_SERVICES_LEASE_CALL_H_

#include <string>

#include "absl/status/status.h"
#include "alignflow/v1/workers.pb.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "server/services/service_context.h"

namespace alignflow {

// Notes a sign of life. Unauthenticated if the worker is not known.
absl::Status TouchWorker(WorkerRegistry& workers, const std::string& worker);

// Workers.Lease: waits for a task without holding a thread. A worker that waits shows by it that it
// lives; its next call ends the one before.
grpc::ServerUnaryReactor* StartLease(ServiceContext& context, grpc::CallbackServerContext& call,
                                     const v1::LeaseRequest& request, v1::LeaseResponse& response);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_LEASE_CALL_H_
