#ifndef ALIGNFLOW_SERVER_SERVICES_JOB_STREAMS_H_
#define ALIGNFLOW_SERVER_SERVICES_JOB_STREAMS_H_

#include "alignflow/v1/jobs.pb.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "server/services/service_context.h"

// The two server streams of Jobs. They hold no thread while they wait; a closing server ends them
// with UNAVAILABLE, and the client resumes where it was.
namespace alignflow {

// Jobs.WatchJob.
grpc::ServerWriteReactor<v1::JobEvent>* StartWatch(ServiceContext& context,
                                                   grpc::CallbackServerContext& call,
                                                   const v1::WatchJobRequest& request);

// Jobs.StreamPairs.
grpc::ServerWriteReactor<v1::Pair>* StartPairs(ServiceContext& context,
                                               grpc::CallbackServerContext& call,
                                               const v1::StreamPairsRequest& request);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_JOB_STREAMS_H_
