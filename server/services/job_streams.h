#ifndef ALIGNFLOW_SERVER_SERVICES_JOB_STREAMS_H_
#define ALIGNFLOW_SERVER_SERVICES_JOB_STREAMS_H_

#include <string>

#include "absl/status/status.h"
#include "alignflow/v1/jobs.pb.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/sync_stream.h"
#include "server/services/service_context.h"

// The two server streams of Jobs. Each holds its thread until its end, but looks at least every
// second whether the client is still there; too many at once are refused with RESOURCE_EXHAUSTED. A
// closing server ends them with UNAVAILABLE, and the client resumes where it was.
namespace alignflow {

// Jobs.WatchJob.
absl::Status SendEvents(ServiceContext& context, grpc::ServerContext& call, const std::string& job,
                        int64_t after_event, grpc::ServerWriter<v1::JobEvent>& writer);

// Jobs.StreamPairs.
absl::Status SendPairs(ServiceContext& context, grpc::ServerContext& call, const std::string& job,
                       const v1::StreamPairsRequest& request, grpc::ServerWriter<v1::Pair>& writer);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_JOB_STREAMS_H_
