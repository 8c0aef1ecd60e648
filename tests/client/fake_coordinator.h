#ifndef ALIGNFLOW_TESTS_CLIENT_FAKE_COORDINATOR_H_
#define ALIGNFLOW_TESTS_CLIENT_FAKE_COORDINATOR_H_

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "alignflow/v1/datasets.grpc.pb.h"
#include "alignflow/v1/jobs.grpc.pb.h"
#include "alignflow/v1/models.grpc.pb.h"
#include "alignflow/v1/server.grpc.pb.h"
#include "client/app.h"
#include "grpcpp/server_builder.h"
#include "tests/common/fake_blobs.h"
#include "tests/common/temp_folder.h"

namespace alignflow {

// What whoever runs the tests has logged in to is none of their business.
inline const int kNoConfiguration = setenv("AFCTL_CONFIG", "/no/such/file", 1);

inline void AddLabel(const std::string& name, int value, v1::DatasetVersion& version) {
  v1::Label& label = *version.add_labels();
  label.set_name(name);
  label.set_value(value);
}

class FakeDatasets : public v1::Datasets::Service {
 public:
  grpc::Status CreateDataset(grpc::ServerContext*, const v1::CreateDatasetRequest* request,
                             v1::Dataset* response) override {
    created = *request;
    if (!refusal.ok()) return refusal;
    response->set_name("datasets/" + request->dataset_id());
    response->set_item_count(request->manifest().items_size());
    response->set_smallest("16x16");
    response->set_largest("16x16");
    *response->mutable_labels() = request->manifest().labels();
    return grpc::Status::OK;
  }
  grpc::Status CreateDatasetWithProgress(grpc::ServerContext* context,
                                         const v1::CreateDatasetRequest* request,
                                         grpc::ServerWriter<v1::DatasetCreation>* writer) override {
    v1::DatasetCreation creation;
    for (const int checked : progress) {
      creation.set_checked_items(checked);
      writer->Write(creation);
      absl::SleepFor(between_progress);
    }
    if (no_answer) return grpc::Status::OK;
    grpc::Status status = CreateDataset(context, request, creation.mutable_dataset());
    if (status.ok()) writer->Write(creation);
    return status;
  }
  grpc::Status UpdateDataset(grpc::ServerContext*, const v1::UpdateDatasetRequest* request,
                             v1::Dataset* response) override {
    updated = *request;
    response->set_name(request->name());
    if (request->has_keep_jobs()) *response->mutable_keep_jobs() = request->keep_jobs();
    return grpc::Status::OK;
  }
  // `stored` in pages of one.
  grpc::Status ListDatasets(grpc::ServerContext*, const v1::ListDatasetsRequest* request,
                            v1::ListDatasetsResponse* response) override {
    const size_t at = request->page_token().empty() ? 0 : std::stoul(request->page_token());
    if (at < stored.size()) response->add_datasets()->set_name(stored[at]);
    if (repeat_page) response->set_next_page_token("1");
    if (at + 1 < stored.size()) response->set_next_page_token(absl::StrCat(at + 1));
    return grpc::Status::OK;
  }
  grpc::Status GetDataset(grpc::ServerContext*, const v1::GetDatasetRequest* request,
                          v1::Dataset* response) override {
    if (absent.contains(request->name())) {
      return {grpc::StatusCode::NOT_FOUND,
              "there is no " + request->name() + "; ListDatasets names those there are"};
    }
    *response = dataset;
    response->set_name(request->name());
    return grpc::Status::OK;
  }

  v1::CreateDatasetRequest created;
  v1::UpdateDatasetRequest updated;
  std::vector<int> progress;  // what is told before a dataset is created
  absl::Duration between_progress = absl::ZeroDuration();
  bool no_answer = false;  // the stream of a creation ends without the dataset
  grpc::Status refusal;    // what CreateDataset answers
  v1::Dataset dataset;     // the content of every one that is not absent
  std::set<std::string> absent = {"datasets/nope", "datasets/gone"};
  std::vector<std::string> stored;
  bool repeat_page = false;
};

// One job whose events and pairs are given beforehand. Streams break as often as asked, after one
// message each.
class FakeJobs : public v1::Jobs::Service {
 public:
  static constexpr char kName[] = "jobs/j1";

  FakeJobs() {
    job.set_name(kName);
    job.set_state(v1::JOB_STATE_RUNNING);
  }

  grpc::Status CreateJob(grpc::ServerContext*, const v1::CreateJobRequest* request,
                         v1::Job* response) override {
    request_ids.push_back(request->request_id());
    if (lose_creations-- > 0) return {grpc::StatusCode::UNAVAILABLE, "lost on purpose"};
    if (!refusal.ok()) return refusal;
    created = *request;
    *job.mutable_spec() = request->spec();
    *response = job;
    return grpc::Status::OK;
  }
  grpc::Status GetJob(grpc::ServerContext*, const v1::GetJobRequest* request,
                      v1::Job* response) override {
    if (request->name() != kName) return {grpc::StatusCode::NOT_FOUND, "no such job"};
    *response = job;
    return grpc::Status::OK;
  }
  grpc::Status CancelJob(grpc::ServerContext*, const v1::CancelJobRequest*,
                         v1::Job* response) override {
    job.set_state(v1::JOB_STATE_CANCELLED);
    *response = job;
    return grpc::Status::OK;
  }
  grpc::Status WatchJob(grpc::ServerContext*, const v1::WatchJobRequest* request,
                        grpc::ServerWriter<v1::JobEvent>* writer) override {
    watched_after.push_back(request->after_event());
    for (const v1::JobEvent& event : events) {
      if (event.number() <= request->after_event()) continue;
      job = event.job();
      writer->Write(event);
      if (breaks-- > 0) return {grpc::StatusCode::UNAVAILABLE, "broken on purpose"};
    }
    return grpc::Status::OK;
  }
  grpc::Status StreamPairs(grpc::ServerContext*, const v1::StreamPairsRequest* request,
                           grpc::ServerWriter<v1::Pair>* writer) override {
    streamed_after.push_back(request->after_index());
    for (const v1::Pair& pair : pairs) {
      if (pair.index() <= request->after_index()) continue;
      writer->Write(pair);
      if (breaks-- > 0) return {grpc::StatusCode::UNAVAILABLE, "broken on purpose"};
    }
    return end_of_pairs;
  }
  grpc::Status GetReport(grpc::ServerContext*, const v1::GetReportRequest*,
                         v1::Report* response) override {
    if (report_is_damaged) return {grpc::StatusCode::DATA_LOSS, "blob 12 is damaged"};
    if (report.job().empty()) return {grpc::StatusCode::FAILED_PRECONDITION, "not there yet"};
    *response = report;
    return grpc::Status::OK;
  }

  void AddEvent(v1::JobState state, v1::StageState fit, int step) {
    v1::JobEvent& event = events.emplace_back();
    event.set_number(static_cast<int64_t>(events.size()));
    event.mutable_time()->set_seconds(1000 + 10 * event.number());
    *event.mutable_job() = job;
    event.mutable_job()->set_state(state);
    v1::Stage* stage = event.mutable_job()->add_stages();
    stage->set_id("fit");
    stage->set_state(fit);
    stage->set_step(step);
    stage->set_steps_total(100);
    stage->mutable_start_time()->set_seconds(1000);
  }

  v1::Job job;
  v1::CreateJobRequest created;
  std::vector<v1::JobEvent> events;
  std::vector<v1::Pair> pairs;
  grpc::Status end_of_pairs;
  v1::Report report;
  bool report_is_damaged = false;
  grpc::Status refusal;  // what CreateJob answers
  int breaks = 0;
  int lose_creations = 0;
  std::vector<std::string> request_ids;
  std::vector<int64_t> watched_after;
  std::vector<int> streamed_after;
};

class FakeModels : public v1::Models::Service {
 public:
  grpc::Status GetModel(grpc::ServerContext*, const v1::GetModelRequest* request,
                        v1::Model* response) override {
    if (request->name() != model.name()) return {grpc::StatusCode::NOT_FOUND, "no such model"};
    *response = model;
    return grpc::Status::OK;
  }
  v1::Model model;
};

class FakeServer : public v1::Server::Service {
 public:
  grpc::Status GetServerInfo(grpc::ServerContext*, const v1::GetServerInfoRequest*,
                             v1::ServerInfo* response) override {
    *response = info;
    return refusal;
  }
  // `space` in pages of two at most.
  grpc::Status ListSpaceUses(grpc::ServerContext*, const v1::ListSpaceUsesRequest* request,
                             v1::ListSpaceUsesResponse* response) override {
    const int first = request->page_token().empty() ? 0 : std::stoi(request->page_token());
    const int end = std::min({first + 2, first + request->page_size(), space.uses_size()});
    *response = space;
    response->clear_uses();
    for (int i = first; i < end; ++i) *response->add_uses() = space.uses(i);
    if (end < space.uses_size()) response->set_next_page_token(absl::StrCat(end));
    return refusal;
  }

  v1::ServerInfo info;
  v1::ListSpaceUsesResponse space;
  grpc::Status refusal;  // what every method answers
};

// A coordinator in this process, without a port, and afctl run against it.
class FakeCoordinator {
 public:
  FakeCoordinator() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&datasets);
    builder.RegisterService(&jobs);
    builder.RegisterService(&models);
    builder.RegisterService(&server);
    builder.RegisterService(&blobs);
    server_ = builder.BuildAndStart();
  }
  ~FakeCoordinator() { server_->Shutdown(); }

  struct Outcome {
    int exit = 0;
    std::string out, err;
    Json json() const { return Json::parse(out); }
  };

  // Runs afctl with these arguments and --server.
  Outcome Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--server", "127.0.0.1:1"});
    std::ostringstream out, err;
    Console console{.out = out, .err = err};
    Outcome outcome;
    outcome.exit = RunAfctl(arguments, console, [this](std::string_view, const ChannelSecurity&) {
      return absl::StatusOr<std::shared_ptr<grpc::ChannelInterface>>(channel());
    });
    outcome.out = out.str();
    outcome.err = err.str();
    return outcome;
  }

  std::shared_ptr<grpc::ChannelInterface> channel() {
    return server_->InProcessChannel(grpc::ChannelArguments());
  }

  FakeDatasets datasets;
  FakeJobs jobs;
  FakeModels models;
  FakeServer server;
  FakeBlobs blobs;

 private:
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_TESTS_CLIENT_FAKE_COORDINATOR_H_
