#include "common/settings/result_version.h"
#include "tests/server/coordinator_fixture.h"

namespace alignflow {
namespace {

using testing::HasSubstr;

class FleetServiceTest : public CoordinatorTest {
 protected:
  std::map<std::string, v1::Worker> Workers() {
    std::map<std::string, v1::Worker> workers;
    v1::ListWorkersRequest request;
    request.set_page_size(2);
    v1::ListWorkersResponse page;
    do {
      EXPECT_EQ(Call(*fleet_, &v1::Fleet::Stub::ListWorkers, request, &page), absl::OkStatus());
      for (const v1::Worker& worker : page.workers()) workers[worker.name()] = worker;
      request.set_page_token(page.next_page_token());
    } while (!page.next_page_token().empty());
    return workers;
  }
  v1::WorkerState StateOf(const std::string& worker) {
    return Workers()["workers/" + worker].state();
  }
  absl::Status SetMode(const std::string& worker, v1::WorkerMode mode) {
    v1::SetWorkerModeRequest request;
    request.set_name("workers/" + worker);
    request.set_mode(mode);
    v1::Worker response;
    return Call(*fleet_, &v1::Fleet::Stub::SetWorkerMode, request, &response);
  }
  std::string RegisterAs(const std::string& id, const std::string& model = "") {
    v1::RegisterRequest request;
    request.set_instance_id(id);
    if (!model.empty()) request.add_models()->set_name(model);
    return Register(request);
  }
  std::vector<std::string> CreateJobs(int count) {
    std::vector<std::string> names;
    for (int i = 0; i < count; ++i) {
      // Other pictures: tasks of different jobs are different tasks.
      v1::CreateJobRequest request = JobRequest(1);
      EXPECT_EQ(CreateDataset("set-" + std::to_string(i), ManifestOf(3, 10 * (i + 1))),
                absl::OkStatus());
      request.mutable_spec()->set_source("datasets/set-" + std::to_string(i));
      names.push_back(CreateJob(request).value().name());
    }
    return names;
  }
};

TEST_F(FleetServiceTest, AWorkerKeepsItsNameAndSaysWhatItCanDo) {
  v1::RegisterRequest request;
  request.set_instance_id("gpu-1");
  request.set_device("cuda");
  request.set_memory_bytes(80);
  request.add_presets("unet-64");
  request.add_models()->set_name("sd");
  request.mutable_models(0)->set_fingerprint("abc");
  EXPECT_EQ(Register(request), "gpu-1");
  EXPECT_EQ(Register(request), "gpu-1");
  RegisterAs("cpu-1");
  RegisterAs("cpu-2");
  EXPECT_EQ(Workers().size(), 3u);
  const v1::Worker worker = Workers()["workers/gpu-1"];
  EXPECT_EQ(worker.device(), "cuda");
  EXPECT_EQ(worker.memory_bytes(), 80);
  EXPECT_EQ(worker.models(0).fingerprint(), "abc");
  EXPECT_EQ(worker.state(), v1::WORKER_STATE_IDLE);
  request.set_instance_id("../../etc");
  v1::RegisterResponse response;
  request.set_result_version(kResultVersion);
  EXPECT_TRUE(
      absl::IsInvalidArgument(Call(*workers_, &v1::Workers::Stub::Register, request, &response)));
}

TEST_F(FleetServiceTest, ACordonedWorkerFinishesItsTaskAndGetsNoOther) {
  const std::string name = CreateJob(JobRequest(1)).value().name();
  RegisterAs("w");
  const v1::LeaseResponse lease = Lease("w").value();
  EXPECT_EQ(StateOf("w"), v1::WORKER_STATE_BUSY);
  EXPECT_EQ(Workers()["workers/w"].job(), name);
  ASSERT_EQ(SetMode("w", v1::WORKER_MODE_CORDONED), absl::OkStatus());
  EXPECT_FALSE(Heartbeat("w", lease).value());
  ASSERT_EQ(ReportSuccess("w", lease), absl::OkStatus());
  EXPECT_FALSE(Lease("w").value().has_task());
  EXPECT_THAT(GetJob(name).waiting_reason(), HasSubstr("afctl worker list"));
  Restart();
  RegisterAs("w");
  EXPECT_EQ(StateOf("w"), v1::WORKER_STATE_CORDONED) << "a restart opens nobody";
  ASSERT_EQ(SetMode("w", v1::WORKER_MODE_OPEN), absl::OkStatus());
  EXPECT_TRUE(Lease("w").value().has_task());
}

TEST_F(FleetServiceTest, ADrainedWorkerHandsBack) {
  ASSERT_TRUE(CreateJob(JobRequest(1)).ok());
  RegisterAs("w");
  const v1::LeaseResponse lease = Lease("w").value();
  ASSERT_EQ(SetMode("w", v1::WORKER_MODE_DRAINING), absl::OkStatus());
  EXPECT_EQ(StateOf("w"), v1::WORKER_STATE_DRAINING);
  EXPECT_TRUE(Heartbeat("w", lease).value());
  ASSERT_EQ(ReportHandedBack("w", lease), absl::OkStatus());
  EXPECT_EQ(StateOf("w"), v1::WORKER_STATE_DRAINED);
  EXPECT_FALSE(Lease("w").value().has_task());
  RegisterAs("other");
  EXPECT_EQ(Lease("other").value().task().key(), lease.task().key());
  EXPECT_TRUE(absl::IsNotFound(SetMode("nobody", v1::WORKER_MODE_DRAINING)));
}

TEST_F(FleetServiceTest, OneBrokenWorkerDoesNotEmptyTheQueue) {
  const std::vector<std::string> names = CreateJobs(6);
  RegisterAs("broken");
  RegisterAs("sound");
  int failed = 0;
  for (bool permanent = true;; permanent = !permanent) {
    const v1::LeaseResponse lease = Lease("broken").value();
    if (!lease.has_task()) break;
    ASSERT_EQ(ReportFailure("broken", lease, permanent), absl::OkStatus());
    ASSERT_LT(++failed, 20);
  }
  EXPECT_EQ(failed, 3);
  EXPECT_EQ(StateOf("broken"), v1::WORKER_STATE_QUARANTINED);
  EXPECT_THAT(Workers()["workers/broken"].reason(), HasSubstr("3 different tasks in a row"));
  Work("sound");
  for (const std::string& name : names) EXPECT_EQ(GetJob(name).state(), v1::JOB_STATE_SUCCEEDED);
  ASSERT_EQ(SetMode("broken", v1::WORKER_MODE_OPEN), absl::OkStatus());
  EXPECT_EQ(StateOf("broken"), v1::WORKER_STATE_IDLE) << "an operator ends a quarantine";
}

TEST_F(FleetServiceTest, ATaskThatFailsEverywhereFailsWithItsReason) {
  const std::string name = CreateJob(JobRequest(1)).value().name();
  for (const char* id : {"a", "b", "c"}) RegisterAs(id);
  for (const char* id : {"a", "b", "c"}) {
    const v1::LeaseResponse lease = Lease(id).value();
    ASSERT_TRUE(lease.has_task()) << id;
    ASSERT_EQ(ReportFailure(id, lease, false), absl::OkStatus());
    if (std::string(id) == "a") {
      EXPECT_FALSE(Lease(id).value().has_task()) << "others come first";
    }
  }
  EXPECT_EQ(GetJob(name).state(), v1::JOB_STATE_FAILED);
  EXPECT_THAT(GetJob(name).error(), HasSubstr("it does not work"));
}

TEST_F(FleetServiceTest, AWorkerThatSaysItsInputIsBadIsHeardWithAnother) {
  const std::string name = CreateJob(JobRequest(1)).value().name();
  RegisterAs("a");
  RegisterAs("b");
  ASSERT_EQ(ReportFailure("a", Lease("a").value(), true), absl::OkStatus());
  EXPECT_NE(GetJob(name).state(), v1::JOB_STATE_FAILED);
  ASSERT_EQ(ReportFailure("b", Lease("b").value(), true), absl::OkStatus());
  EXPECT_EQ(GetJob(name).state(), v1::JOB_STATE_FAILED);
}

TEST_F(FleetServiceTest, AWorkerThatHasShownThatItIsSoundIsBelievedAtOnce) {
  const std::vector<std::string> names = CreateJobs(4);
  RegisterAs("sound");
  Work("sound", 1);
  RegisterAs("idle");
  for (int job = 0; job < 4; ++job) {
    const v1::LeaseResponse lease = Lease("sound").value();
    ASSERT_TRUE(lease.has_task());
    ASSERT_EQ(ReportFailure("sound", lease, true), absl::OkStatus());
    int failed = 0;
    for (const std::string& name : names) failed += GetJob(name).state() == v1::JOB_STATE_FAILED;
    EXPECT_EQ(failed, 1) << "after the first it is a suspect";
    if (job == 2) break;
  }
  EXPECT_EQ(StateOf("sound"), v1::WORKER_STATE_QUARANTINED);
}

TEST_F(FleetServiceTest, AnUnsuitedWorkerNeverCountsAgainstTheJob) {
  const std::string name = CreateJob(JobRequest(1)).value().name();
  for (int i = 0; i < 10; ++i) {
    const std::string worker = RegisterAs("w-" + std::to_string(i));
    ASSERT_EQ(ReportFailure(worker, Lease(worker).value(), false, true), absl::OkStatus());
    EXPECT_FALSE(Lease(worker).value().has_task());
  }
  const v1::Job job = GetJob(name);
  EXPECT_EQ(job.state(), v1::JOB_STATE_RUNNING);
  EXPECT_EQ(LeaseEnds(job, "prepare", "unsuited"), 10);
  EXPECT_THAT(job.waiting_reason(), HasSubstr("no worker can do it"));
  Work(RegisterAs("fit"));
  EXPECT_EQ(GetJob(name).state(), v1::JOB_STATE_SUCCEEDED);
}

TEST_F(FleetServiceTest, AJobWhoseModelNoWorkerHasWaitsAndSaysSo) {
  v1::CreateJobRequest request = JobRequest(1);
  request.mutable_spec()->set_preset("sd3.5-medium");
  const std::string name = CreateJob(request).value().name();
  RegisterAs("plain");
  EXPECT_EQ(Work("plain"), (std::vector<std::string>{"prepare", "describe"}));
  EXPECT_THAT(GetJob(name).waiting_reason(),
              testing::AllOf(HasSubstr("fit: no worker can do it"),
                             HasSubstr("stable-diffusion-3.5-medium"), HasSubstr("--models-dir")));
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Minutes(2)));
  v1::WatchJobRequest watch;
  watch.set_name(name);
  const auto reader = jobs_->WatchJob(&context, watch);
  v1::JobEvent event;
  ASSERT_TRUE(reader->Read(&event));
  EXPECT_NE(event.job().waiting_reason(), "");
  RegisterAs("with-model", "stable-diffusion-3.5-medium");
  ASSERT_TRUE(reader->Read(&event)) << "who watches hears of it";
  EXPECT_EQ(event.job().waiting_reason(), "");
  context.TryCancel();
  (void)reader->Finish();
  EXPECT_EQ(GetJob(name).waiting_reason(), "");
  Work("with-model");
  EXPECT_EQ(GetJob(name).state(), v1::JOB_STATE_SUCCEEDED);
}

}  // namespace
}  // namespace alignflow
