#ifndef ALIGNFLOW_BENCHMARKS_COORDINATOR_SERVICE_H_
#define ALIGNFLOW_BENCHMARKS_COORDINATOR_SERVICE_H_

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "alignflow/v1/datasets.grpc.pb.h"
#include "alignflow/v1/jobs.grpc.pb.h"
#include "alignflow/v1/workers.grpc.pb.h"
#include "common/blob_client.h"
#include "common/channel.h"
#include "common/status_conversion.h"
#include "grpcpp/grpcpp.h"

namespace alignflow {

// A coordinator as a process of its own, so that its memory and processor time are its own, and
// what a client or worker asks of it. It ends with the object. Thread-safe.
class Service {
 public:
  // options: of the coordinator, besides address and state. security: how it is reached.
  explicit Service(const std::filesystem::path& state, std::vector<std::string> options = {},
                   const ChannelSecurity& security = {});
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  template <typename Stub, typename Request, typename Response>
  static absl::Status Call(Stub& stub,
                           grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                        Response*),
                           const Request& request, Response& response) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Minutes(2)));
    return FromGrpcStatus((stub.*method)(&context, request, &response));
  }

  // A dataset of one pair that no other has. Returns its name.
  std::string PushDataset(int number);
  // A request for a job on it, without gates or evaluation.
  v1::CreateJobRequest JobOn(const std::string& dataset, int pairs, int seed);
  v1::Digest Upload(const std::string& bytes);

  // What workers ask for is asked for with this from now on, such as a worker's key.
  void SetWorkersSecurity(const ChannelSecurity& security);

  BlobClient& blobs() { return *blobs_; }
  v1::Jobs::Stub& jobs() { return *jobs_; }
  v1::Workers::Stub& workers() { return *workers_; }

  double resident_mib() const;
  absl::Duration processor_time() const;

 private:
  pid_t pid_ = -1;
  std::string address_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<BlobClient> blobs_;
  std::unique_ptr<v1::Datasets::Stub> datasets_;
  std::unique_ptr<v1::Jobs::Stub> jobs_;
  std::unique_ptr<v1::Workers::Stub> workers_;
};

// Ends the program with the message unless all is well.
void Require(const absl::Status& status, const char* what);

}  // namespace alignflow

#endif  // ALIGNFLOW_BENCHMARKS_COORDINATOR_SERVICE_H_
