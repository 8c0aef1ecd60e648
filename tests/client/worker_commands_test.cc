#include <gtest/gtest.h>

#include <memory>
#include <sstream>

#include "alignflow/v1/fleet.grpc.pb.h"
#include "client/app.h"
#include "grpcpp/server_builder.h"

namespace alignflow {
namespace {

class FakeFleet : public v1::Fleet::Service {
 public:
  grpc::Status ListWorkers(grpc::ServerContext*, const v1::ListWorkersRequest*,
                           v1::ListWorkersResponse* response) override {
    for (const v1::Worker& worker : workers) *response->add_workers() = worker;
    return grpc::Status::OK;
  }
  grpc::Status SetWorkerMode(grpc::ServerContext*, const v1::SetWorkerModeRequest* request,
                             v1::Worker* response) override {
    asked = *request;
    if (request->name() != "workers/a") {
      return {grpc::StatusCode::NOT_FOUND,
              "there is no " + request->name() + "; ListWorkers names those that are connected"};
    }
    response->set_name(request->name());
    response->set_state(v1::WORKER_STATE_DRAINING);
    return grpc::Status::OK;
  }

  std::vector<v1::Worker> workers;
  v1::SetWorkerModeRequest asked;
};

class WorkerCommandsTest : public testing::Test {
 protected:
  WorkerCommandsTest() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&fleet_);
    server_ = builder.BuildAndStart();
  }
  ~WorkerCommandsTest() override { server_->Shutdown(); }

  int Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--server", "127.0.0.1:1"});
    std::ostringstream out, err;
    Console console{.out = out, .err = err};
    const int exit = RunAfctl(arguments, console, [this](std::string_view, const ChannelSecurity&) {
      return absl::StatusOr<std::shared_ptr<grpc::ChannelInterface>>(
          server_->InProcessChannel(grpc::ChannelArguments()));
    });
    out_ = out.str();
    err_ = err.str();
    return exit;
  }
  v1::Worker& Add(const std::string& name, v1::WorkerState state) {
    v1::Worker& worker = fleet_.workers.emplace_back();
    worker.set_name(name);
    worker.set_state(state);
    return worker;
  }

  FakeFleet fleet_;
  std::unique_ptr<grpc::Server> server_;
  std::string out_, err_;
};

TEST_F(WorkerCommandsTest, TheListSaysWhatEachDoesAndWhyItDoesNot) {
  v1::Worker& busy = Add("workers/a", v1::WORKER_STATE_BUSY);
  busy.set_task_kind("fit");
  busy.set_job("jobs/x");
  Add("workers/b", v1::WORKER_STATE_QUARANTINED).set_reason("3 different tasks failed on it");
  ASSERT_EQ(Run({"worker", "list"}), 0) << err_;
  EXPECT_NE(out_.find("busy"), std::string::npos) << out_;
  EXPECT_NE(out_.find("fit for jobs/x"), std::string::npos) << out_;
  EXPECT_NE(out_.find("quarantined"), std::string::npos) << out_;
  EXPECT_NE(out_.find("3 different tasks failed on it"), std::string::npos) << out_;
  EXPECT_EQ(err_, "");
}

TEST_F(WorkerCommandsTest, OneNameForDifferentFilesIsAWarning) {
  for (const char* fingerprint : {"1", "2"}) {
    v1::ModelFolder* model =
        Add(std::string("workers/") + fingerprint, v1::WORKER_STATE_IDLE).add_models();
    model->set_name("sd");
    model->set_fingerprint(fingerprint);
  }
  ASSERT_EQ(Run({"worker", "list"}), 0) << err_;
  EXPECT_NE(err_.find("the model folder sd does not hold the same files"), std::string::npos);
}

TEST_F(WorkerCommandsTest, EachCommandAsksForItsMode) {
  for (const auto& [command, mode] :
       {std::pair("cordon", v1::WORKER_MODE_CORDONED), std::pair("drain", v1::WORKER_MODE_DRAINING),
        std::pair("uncordon", v1::WORKER_MODE_OPEN)}) {
    ASSERT_EQ(Run({"worker", command, "a"}), 0) << err_;
    EXPECT_EQ(fleet_.asked.mode(), mode);
    EXPECT_EQ(out_, "workers/a draining\n");
  }
  EXPECT_EQ(Run({"worker", "drain", "nobody"}), 1);
  EXPECT_NE(err_.find("`afctl worker list` names"), std::string::npos) << err_;
}

}  // namespace
}  // namespace alignflow
