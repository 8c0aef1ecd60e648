#ifndef ALIGNFLOW_SERVER_SERVICES_JOBS_SERVICE_H_
#define ALIGNFLOW_SERVER_SERVICES_JOBS_SERVICE_H_

#include "alignflow/v1/jobs.grpc.pb.h"
#include "server/services/job_streams.h"
#include "server/services/service_context.h"

namespace alignflow {

// proto/alignflow/v1/jobs.proto. Thread-safe.
class JobsService final : public v1::Jobs::WithCallbackMethod_WatchJob<
                              v1::Jobs::WithCallbackMethod_StreamPairs<v1::Jobs::Service>> {
 public:
  explicit JobsService(ServiceContext& context) : context_(context) {}

  grpc::Status CreateJob(grpc::ServerContext* call, const v1::CreateJobRequest* request,
                         v1::Job* response) override;
  grpc::Status GetJob(grpc::ServerContext* call, const v1::GetJobRequest* request,
                      v1::Job* response) override;
  grpc::Status ListJobs(grpc::ServerContext* call, const v1::ListJobsRequest* request,
                        v1::ListJobsResponse* response) override;
  grpc::Status CancelJob(grpc::ServerContext* call, const v1::CancelJobRequest* request,
                         v1::Job* response) override;
  grpc::Status DeleteJob(grpc::ServerContext* call, const v1::DeleteJobRequest* request,
                         google::protobuf::Empty* response) override;
  grpc::ServerWriteReactor<v1::JobEvent>* WatchJob(grpc::CallbackServerContext* call,
                                                   const v1::WatchJobRequest* request) override {
    return StartWatch(context_, *call, *request);
  }
  grpc::ServerWriteReactor<v1::Pair>* StreamPairs(grpc::CallbackServerContext* call,
                                                  const v1::StreamPairsRequest* request) override {
    return StartPairs(context_, *call, *request);
  }
  grpc::Status RerunJob(grpc::ServerContext* call, const v1::RerunJobRequest* request,
                        v1::Job* response) override;
  grpc::Status DistrustResults(grpc::ServerContext* call, const v1::DistrustResultsRequest* request,
                               v1::DistrustResultsResponse* response) override;
  grpc::Status GetReport(grpc::ServerContext* call, const v1::GetReportRequest* request,
                         v1::Report* response) override;

 private:
  std::string TenantOf(const grpc::ServerContext& call) const;
  // The id of a job of the caller's tenant. NotFound, in the same words, for no job and another's.
  absl::StatusOr<std::string> FindOwn(const grpc::ServerContext& call, const std::string& name);
  absl::Status Fetch(const std::string& tenant, const std::string& id, v1::Job& response);

  ServiceContext& context_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_JOBS_SERVICE_H_
