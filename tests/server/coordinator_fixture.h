#ifndef ALIGNFLOW_TESTS_SERVER_COORDINATOR_FIXTURE_H_
#define ALIGNFLOW_TESTS_SERVER_COORDINATOR_FIXTURE_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "alignflow/v1/blobs.grpc.pb.h"
#include "alignflow/v1/datasets.grpc.pb.h"
#include "alignflow/v1/fleet.grpc.pb.h"
#include "alignflow/v1/jobs.grpc.pb.h"
#include "alignflow/v1/models.grpc.pb.h"
#include "alignflow/v1/workers.grpc.pb.h"
#include "common/blob_client.h"
#include "common/settings/result_version.h"
#include "common/settings/settings.h"
#include "common/status_conversion.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/coordinator.h"
#include "server/scheduler/task_rules.h"
#include "tests/common/temp_folder.h"
#include "tests/server/fake_results.h"
#include "tests/server/grey_png.h"
#include "tests/server/test_database.h"

namespace alignflow {

// A coordinator on a folder of its own, reached over a channel within the process: no port, no
// network. Time is the test's: a far future given to Maintain ends leases at once.
class CoordinatorTest : public testing::Test {
 protected:
  void SetUp() override { Start(); }

  void Start() {
    options_.state_dir = folder_.path() / "state";
    // The maintenance thread must not end a lease by itself, however slow the machine.
    options_.lease.duration = absl::Hours(1);
    // Nor must a test wait for a task to be leased again.
    options_.lease.backoff.initial = absl::ZeroDuration();
    options_.free_disk = free_disk_;
    options_.database = database_;
    coordinator_ = Coordinator::Start(options_).value();
    channel_ = coordinator_->InProcessChannel();
    blobs_ = std::make_unique<BlobClient>(channel_);
    datasets_ = v1::Datasets::NewStub(channel_);
    jobs_ = v1::Jobs::NewStub(channel_);
    fleet_ = v1::Fleet::NewStub(channel_);
    models_ = v1::Models::NewStub(channel_);
    workers_ = v1::Workers::NewStub(channel_);
  }

  void Stop() {
    blobs_.reset();
    channel_.reset();
    coordinator_.reset();
  }

  // As a restart after a kill: nothing is handed back, only what was committed is there.
  void Restart() {
    Stop();
    Start();
  }

  // Calls with a deadline that only a hanging server meets.
  template <typename Stub, typename Request, typename Response>
  absl::Status Call(Stub& stub,
                    grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                    const Request& request, Response* response) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Minutes(2)));
    return FromGrpcStatus((stub.*method)(&context, request, response));
  }

  v1::Digest Upload(const std::string& bytes) {
    const BlobRef blob = DescribeBytes(bytes);
    EXPECT_EQ(blobs_->Upload(blob, bytes), absl::OkStatus());
    v1::Digest digest;
    digest.set_sha256(blob.sha256);
    digest.set_size_bytes(blob.size_bytes);
    return digest;
  }

  v1::Manifest ManifestOf(int items, int salt = 0) {
    v1::Manifest manifest;
    v1::Label* label = manifest.add_labels();
    label->set_name("polyp");
    label->set_value(255);
    for (int i = 0; i < items; ++i) {
      v1::DatasetItem* item = manifest.add_items();
      item->set_stem("item-" + std::to_string(i));
      *item->mutable_image() = Upload(GreyPng(8, 6, static_cast<uint8_t>(salt + i)));
      *item->mutable_mask() = Upload(GreyPng(8, 6, 255));
    }
    return manifest;
  }

  absl::Status CreateDataset(const std::string& id, const v1::Manifest& manifest,
                             v1::Dataset* dataset = nullptr) {
    v1::CreateDatasetRequest request;
    request.set_dataset_id(id);
    *request.mutable_manifest() = manifest;
    v1::Dataset ignored;
    return Call(*datasets_, &v1::Datasets::Stub::CreateDataset, request,
                dataset == nullptr ? &ignored : dataset);
  }

  static void Set(v1::CreateJobRequest& request, const std::string& setting,
                  const std::string& value) {
    (*request.mutable_spec()->mutable_settings())[setting] = value;
  }

  // A job on datasets/polyps, which is made if need be.
  v1::CreateJobRequest JobRequest(int pairs, int references = 2, int salt = 100) {
    EXPECT_EQ(CreateDataset("polyps", ManifestOf(3)), absl::OkStatus());
    v1::CreateJobRequest request;
    request.mutable_spec()->set_source("datasets/polyps");
    request.mutable_spec()->set_pairs(pairs);
    // The plain method; tests of gates, masks and evaluation turn these on.
    Set(request, "gates.enabled", "off");
    Set(request, "evaluate.segmenter", "none");
    for (int i = 0; i < references; ++i) {
      v1::ReferenceImage* reference = request.mutable_spec()->add_references();
      reference->set_stem("ref-" + std::to_string(i));
      *reference->mutable_image() = Upload(GreyPng(8, 8, static_cast<uint8_t>(salt + i)));
    }
    return request;
  }

  absl::StatusOr<v1::Job> CreateJob(const v1::CreateJobRequest& request) {
    v1::Job job;
    absl::Status status = Call(*jobs_, &v1::Jobs::Stub::CreateJob, request, &job);
    if (!status.ok()) return status;
    return job;
  }

  v1::Job GetJob(const std::string& name) {
    v1::GetJobRequest request;
    request.set_name(name);
    v1::Job job;
    EXPECT_EQ(Call(*jobs_, &v1::Jobs::Stub::GetJob, request, &job), absl::OkStatus());
    return job;
  }

  absl::StatusOr<v1::Job> CancelJob(const std::string& name) {
    v1::CancelJobRequest request;
    request.set_name(name);
    v1::Job job;
    absl::Status status = Call(*jobs_, &v1::Jobs::Stub::CancelJob, request, &job);
    if (!status.ok()) return status;
    return job;
  }

  // How often leases of the stage ended so.
  static int64_t LeaseEnds(const v1::Job& job, const std::string& stage,
                           const std::string& outcome) {
    for (const v1::LeaseEnds& ends : StageOf(job, stage).lease_ends()) {
      if (ends.outcome() == outcome) return ends.count();
    }
    return 0;
  }

  static const v1::Stage& StageOf(const v1::Job& job, const std::string& id) {
    for (const v1::Stage& stage : job.stages()) {
      if (stage.id() == id) return stage;
    }
    ADD_FAILURE() << "no stage " << id;
    static const v1::Stage none;
    return none;
  }

  // What StreamPairs sends up to its end, and its status.
  std::vector<v1::Pair> PairsOf(const std::string& name, int after, absl::Status* status) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Minutes(2)));
    v1::StreamPairsRequest request;
    request.set_name(name);
    request.set_after_index(after);
    const auto reader = jobs_->StreamPairs(&context, request);
    std::vector<v1::Pair> pairs;
    for (v1::Pair pair; reader->Read(&pair);) pairs.push_back(pair);
    *status = FromGrpcStatus(reader->Finish());
    return pairs;
  }

  // ---- a worker, played by the test ----

  std::string Register(v1::RegisterRequest request = {}) {
    request.set_display_name("test");
    if (request.device().empty()) request.set_device("cpu");
    request.set_result_version(kResultVersion);
    v1::RegisterResponse response;
    EXPECT_EQ(Call(*workers_, &v1::Workers::Stub::Register, request, &response), absl::OkStatus());
    return response.worker_id();
  }

  absl::StatusOr<v1::LeaseResponse> Lease(const std::string& worker) {
    v1::LeaseRequest request;
    request.set_worker_id(worker);
    v1::LeaseResponse response;
    absl::Status status = Call(*workers_, &v1::Workers::Stub::Lease, request, &response);
    if (!status.ok()) return status;
    return response;
  }

  // The job's first training; what comes before it is done.
  v1::LeaseResponse LeaseFit(const std::string& worker) {
    for (;;) {
      v1::LeaseResponse lease = Lease(worker).value();
      if (!lease.has_task() || lease.task().kind() == "fit") return lease;
      const absl::Status reported = ReportSuccess(worker, lease);
      EXPECT_EQ(reported, absl::OkStatus());
      if (!reported.ok()) return lease;
    }
  }

  absl::StatusOr<bool> Heartbeat(const std::string& worker, const v1::LeaseResponse& lease,
                                 const std::string& checkpoint = "", int step = 1) {
    v1::HeartbeatRequest request;
    request.set_worker_id(worker);
    request.set_task_key(lease.task().key());
    request.set_attempt(lease.attempt());
    request.set_checkpoint_sha256(checkpoint);
    request.mutable_progress()->set_step(step);
    request.mutable_progress()->set_total(10);
    (*request.mutable_progress()->mutable_values())["loss"] = 0.5;
    v1::HeartbeatResponse response;
    absl::Status status = Call(*workers_, &v1::Workers::Stub::Heartbeat, request, &response);
    if (!status.ok()) return status;
    return response.cancel();
  }

  absl::Status Report(const std::string& worker, const v1::LeaseResponse& lease,
                      v1::ReportRequest request) {
    request.set_worker_id(worker);
    request.set_task_key(lease.task().key());
    request.set_attempt(lease.attempt());
    v1::ReportResponse response;
    return Call(*workers_, &v1::Workers::Stub::Report, request, &response);
  }

  absl::Status ReportFailure(const std::string& worker, const v1::LeaseResponse& lease,
                             bool permanent, bool unsuited = false) {
    v1::ReportRequest request;
    request.mutable_failure()->set_message("it does not work; try another");
    request.mutable_failure()->set_permanent(permanent);
    request.mutable_failure()->set_unsuited(unsuited);
    return Report(worker, lease, request);
  }

  absl::Status ReportHandedBack(const std::string& worker, const v1::LeaseResponse& lease,
                                const std::string& checkpoint = "") {
    v1::ReportRequest request;
    request.mutable_handed_back()->set_checkpoint_sha256(checkpoint);
    return Report(worker, lease, request);
  }

  // What the disk has left, from the next start on; empty: it is asked.
  std::function<int64_t()> free_disk_;

  // Pairs of stage 2 that the worker says failed the gates.
  std::set<int> left_out_;

  // Results that depend on the task alone, as the engine's do.
  std::map<std::string, std::string> FakeOutputs(const v1::Task& task) {
    std::map<std::string, std::string> outputs;
    for (const std::string& role : OutputRoles(task.kind())) {
      outputs[role] = Upload(FakeOutput(task, role)).sha256();
    }
    return outputs;
  }

  std::string FakeOutput(const v1::Task& task, const std::string& role) {
    if (role != "pairs" && role != "masks") {
      return FakeResult({.kind = task.kind(),
                         .settings = {task.settings().begin(), task.settings().end()},
                         .inputs = {task.inputs().begin(), task.inputs().end()}},
                        task.key(), role);
    }
    std::string lines;
    const int last = std::stoi(task.settings().at("last_pair"));
    for (int pair = std::stoi(task.settings().at("first_pair")); pair <= last; ++pair) {
      const auto& inputs = task.inputs();
      const char first = inputs.contains("model") ? inputs.at("model")[0] : '0';
      const auto shade = static_cast<uint8_t>(first + pair);
      lines += "{\"pair\":" + std::to_string(pair);
      if (task.inputs().contains("stage1") && left_out_.contains(pair)) {
        lines += ",\"left_out\":\"mask agreement 0.21\",\"record\":{}}\n";
        continue;
      }
      if (role == "pairs") lines += ",\"image\":\"" + Upload(GreyPng(4, 4, shade)).sha256() + "\"";
      lines += ",\"mask\":\"" + Upload(GreyPng(4, 4, 255)).sha256() + "\"";
      lines += ",\"record\":{\"seed\":0,\"synthetic\":\"restyled\"}}\n";
    }
    return lines;
  }

  absl::Status ReportSuccess(const std::string& worker, const v1::LeaseResponse& lease) {
    v1::ReportRequest request;
    for (const auto& [role, blob] : FakeOutputs(lease.task())) {
      (*request.mutable_success()->mutable_outputs())[role] = blob;
    }
    return Report(worker, lease, request);
  }

  // Does what there is to do, up to `limit` tasks. Returns the kinds in order.
  std::vector<std::string> Work(const std::string& worker, int limit = 1000) {
    std::vector<std::string> kinds;
    while (static_cast<int>(kinds.size()) < limit) {
      const v1::LeaseResponse lease = Lease(worker).value();
      if (!lease.has_task()) break;
      kinds.push_back(lease.task().kind());
      const absl::Status reported = ReportSuccess(worker, lease);
      EXPECT_EQ(reported, absl::OkStatus());
      if (!reported.ok()) break;
    }
    return kinds;
  }

  TempFolder folder_;
  const TestCatalog place_{folder_.path() / "state" / "catalog.sqlite"};
  std::optional<PostgresAddress> database_ =
      place_.database();  // of the catalog, from the next start
  CoordinatorOptions options_;
  std::unique_ptr<Coordinator> coordinator_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<BlobClient> blobs_;
  std::unique_ptr<v1::Datasets::Stub> datasets_;
  std::unique_ptr<v1::Fleet::Stub> fleet_;
  std::unique_ptr<v1::Jobs::Stub> jobs_;
  std::unique_ptr<v1::Models::Stub> models_;
  std::unique_ptr<v1::Workers::Stub> workers_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_TESTS_SERVER_COORDINATOR_FIXTURE_H_
