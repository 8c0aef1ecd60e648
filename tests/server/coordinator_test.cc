#include "server/coordinator.h"

#include "absl/strings/str_cat.h"
#include "common/listen_address.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/health_check_service_interface.h"
#include "prometheus/text_serializer.h"
#include "server/catalog/jobs.h"
#include "server/catalog/soci.h"
#include "server/state_folder_change.h"
#include "tests/server/coordinator_fixture.h"

namespace alignflow {
namespace {

using testing::HasSubstr;

class CoordinatorProcessTest : public CoordinatorTest {
 protected:
  // Changes the tables while the coordinator is down.
  void ChangeCatalog(const std::function<void(WritingSql&)>& change) {
    Stop();
    ASSERT_EQ(ChangeStateFolder(folder_.path() / "state",
                                [&](WritingSql& sql) {
                                  change(sql);
                                  return absl::OkStatus();
                                }),
              absl::OkStatus());
    Start();
  }
  void ChangeSettings(const std::string& job, const std::function<void(SettingMap&)>& change) {
    ChangeCatalog([&](WritingSql& sql) {
      JobRecord record = FindJob(sql, job.substr(std::string("jobs/").size())).value();
      change(record.settings);
      UpdateSettings(sql, record);
    });
  }

  // Removes what nothing refers to, however young, and counts what is left over.
  BlobStore::Garbage Collect() {
    return coordinator_->CollectGarbage(-absl::Minutes(1), absl::Now()).value();
  }
};

TEST_F(CoordinatorProcessTest, AJobSurvivesARestartBetweenAnyTwoOfItsTasks) {
  const std::string name = CreateJob(JobRequest(40)).value().name();
  int64_t tasks = 0;
  while (GetJob(name).state() != v1::JOB_STATE_SUCCEEDED) {
    ASSERT_EQ(Work(Register(), 1).size(), 1u);
    Restart();
    ++tasks;
  }
  EXPECT_EQ(tasks, 10) << "nothing was computed twice";
  absl::Status status;
  const std::vector<v1::Pair> pairs = PairsOf(name, 0, &status);
  ASSERT_EQ(pairs.size(), 40u);
  for (int i = 0; i < 40; ++i) EXPECT_EQ(pairs[i].index(), i + 1);
}

TEST_F(CoordinatorProcessTest, ARestartInTheMiddleOfATaskDoesNotTakeItFromItsWorker) {
  const std::string name = CreateJob(JobRequest(1)).value().name();
  std::string worker = Register();
  const v1::LeaseResponse lease = Lease(worker).value();
  ASSERT_TRUE(Heartbeat(worker, lease, Upload("half-way").sha256(), 5).ok());
  Restart();
  EXPECT_EQ(StageOf(GetJob(name), "prepare").step(), 5) << "progress is kept";
  EXPECT_TRUE(absl::IsUnauthenticated(Heartbeat(worker, lease).status()));
  worker = Register();
  EXPECT_FALSE(Heartbeat(worker, lease, "", 6).value());
  EXPECT_EQ(ReportSuccess(worker, lease), absl::OkStatus());
  Work(worker);
  EXPECT_EQ(GetJob(name).state(), v1::JOB_STATE_SUCCEEDED);
}

TEST_F(CoordinatorProcessTest, IfTheWorkerDiedWithTheCoordinatorItsTaskIsLeasedAgain) {
  ASSERT_TRUE(CreateJob(JobRequest(1)).ok());
  const std::string worker = Register();
  const v1::LeaseResponse lease = Lease(worker).value();
  const std::string checkpoint = Upload("half-way").sha256();
  ASSERT_TRUE(Heartbeat(worker, lease, checkpoint).ok());
  Restart();
  EXPECT_FALSE(Lease(Register()).value().has_task()) << "its worker may still come back";
  coordinator_->Maintain(absl::Now() + absl::Hours(2));
  const v1::LeaseResponse again = Lease(Register()).value();
  EXPECT_EQ(again.task().key(), lease.task().key());
  EXPECT_EQ(again.attempt(), lease.attempt() + 1) << "attempt numbers go on";
  EXPECT_EQ(again.checkpoint_sha256(), checkpoint);
}

TEST_F(CoordinatorProcessTest, EventNumbersGoOnAfterARestart) {
  const std::string name = CreateJob(JobRequest(1)).value().name();
  const auto number = [&] {
    grpc::ClientContext context;
    v1::WatchJobRequest request;
    request.set_name(name);
    const auto reader = jobs_->WatchJob(&context, request);
    v1::JobEvent event;
    EXPECT_TRUE(reader->Read(&event));
    context.TryCancel();
    (void)reader->Finish();
    return event.number();
  };
  const int64_t before = number();
  Restart();
  EXPECT_GE(number(), before);
}

TEST_F(CoordinatorProcessTest, NothingIsOrphanedAndNothingNeededIsCollected) {
  const std::string name = CreateJob(JobRequest(40)).value().name();
  const std::string worker = Register();
  Work(worker, 5);
  const v1::LeaseResponse lost = Lease(worker).value();
  FakeOutputs(lost.task());  // uploaded by a worker that dies before its report
  Upload("nobody wants this");
  Restart();
  coordinator_->Maintain(absl::Now() + absl::Hours(2));
  Work(Register());
  EXPECT_EQ(GetJob(name).state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(Collect().removed, 1) << "the rest is the same bytes that the retry made";
  const BlobStore::Garbage again = Collect();
  EXPECT_EQ(again.removed, 0);
  EXPECT_EQ(again.orphans, 0);
  absl::Status status;
  EXPECT_EQ(PairsOf(name, 0, &status).size(), 40u);
  EXPECT_EQ(status, absl::OkStatus());
  EXPECT_EQ(CreateJob(JobRequest(40)).value().state(), v1::JOB_STATE_SUCCEEDED)
      << "all results can still be reused";
}

TEST_F(CoordinatorProcessTest, NewMasksAreKeptUntilTheirImagesAreMade) {
  v1::CreateJobRequest request = JobRequest(2);
  Set(request, "masks.kind", "synthetic");
  const std::string name = CreateJob(request).value().name();
  const std::string worker = Register();
  EXPECT_EQ(Work(worker, 7).back(), "masks");
  EXPECT_EQ(Collect().removed, 0);
  EXPECT_EQ(Collect().orphans, 0);
  Work(worker);
  EXPECT_EQ(GetJob(name).state(), v1::JOB_STATE_SUCCEEDED);
}

TEST_F(CoordinatorProcessTest, AJobThatAnotherVersionPlannedFailsWithTheRemedyAndHurtsNoOther) {
  const std::string worker = Register();
  std::vector<std::string> names;
  for (int i = 0; i < 3; ++i) {
    v1::CreateJobRequest request = JobRequest(2);
    Set(request, "seed", std::to_string(i));
    names.push_back(CreateJob(request).value().name());
  }
  Work(worker, 4);
  const auto id = [&](int i) { return names[i].substr(std::string("jobs/").size()); };
  ChangeCatalog([&](Sql& sql) {
    sql << "DELETE FROM job_stages WHERE stage = 'compare' AND job_id = '" << id(0) << "'";
    sql << R"(UPDATE jobs SET preset = 'of yore' WHERE id = ')" << id(1) << "'";
  });
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(GetJob(names[i]).state(), v1::JOB_STATE_FAILED);
    EXPECT_THAT(GetJob(names[i]).error(), HasSubstr("another version of AlignFlow"));
  }
  Work(Register());
  EXPECT_EQ(GetJob(names[2]).state(), v1::JOB_STATE_SUCCEEDED);
}

TEST_F(CoordinatorProcessTest, AnUnfinishedJobKeepsItsSettingsAndGetsThoseThatAreNew) {
  const std::string name = CreateJob(JobRequest(2)).value().name();
  const std::string setting = "align.weight";
  const std::string value = GetJob(name).spec().settings().at(setting);
  ChangeSettings(name, [&](SettingMap& settings) {
    settings["fit.iterations"] = "77";
    settings.erase(setting);
  });
  EXPECT_EQ(GetJob(name).spec().settings().at(setting), value) << "as the preset has it";
  EXPECT_EQ(GetJob(name).spec().settings().at("fit.iterations"), "77");
  Work(Register());
  EXPECT_EQ(GetJob(name).state(), v1::JOB_STATE_SUCCEEDED);
}

TEST_F(CoordinatorProcessTest, ASettingThatIsNewDoesNotGiveAnUnfinishedJobMoreStages) {
  const std::string name = CreateJob(JobRequest(2)).value().name();
  ChangeSettings(name, [](SettingMap& settings) { settings.erase("gates.enabled"); });
  EXPECT_NE(GetJob(name).state(), v1::JOB_STATE_FAILED) << GetJob(name).error();
  Work(Register());
  EXPECT_EQ(GetJob(name).state(), v1::JOB_STATE_SUCCEEDED);
}

TEST_F(CoordinatorProcessTest, PairsThatWereLeftOutAreCounted) {
  left_out_ = {2};
  ASSERT_TRUE(CreateJob(JobRequest(3)).ok());
  Work(Register());
  EXPECT_THAT(prometheus::TextSerializer().Serialize(coordinator_->metrics()->Collect()),
              HasSubstr("alignflow_pairs_left_out_total 1"));
}

TEST_F(CoordinatorProcessTest, ADamagedPairIsReportedAndMadeAgainByTheNextJob) {
  const std::string name = CreateJob(JobRequest(2)).value().name();
  const std::string worker = Register();
  Work(worker);
  absl::Status status;
  const std::string image = PairsOf(name, 0, &status).front().image().sha256();
  const std::filesystem::path file =
      folder_.path() / "state" / "blobs" / image.substr(0, 2) / image.substr(2);
  std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  WriteFile(file, "damaged");
  EXPECT_TRUE(PairsOf(name, 0, &status).empty());
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  const std::string again = CreateJob(JobRequest(2)).value().name();
  Work(worker);
  EXPECT_EQ(PairsOf(again, 0, &status).size(), 2u);
  EXPECT_EQ(PairsOf(name, 0, &status).size(), 2u);
}

TEST_F(CoordinatorProcessTest, AStateFolderHasOneCoordinator) {
  CoordinatorOptions options;
  options.state_dir = folder_.path() / "state";
  const absl::Status status = Coordinator::Start(options).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("another coordinator has it"));
}

TEST_F(CoordinatorProcessTest, AStateFolderThatCannotBeWrittenIsNamed) {
  WriteFile(folder_.path() / "file", "not a folder");
  CoordinatorOptions options;
  options.state_dir = folder_.path() / "file" / "state";
  const absl::Status status = Coordinator::Start(options).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(options.state_dir.string()));
}

TEST_F(CoordinatorProcessTest, ListensBeyondLoopbackWithTlsAlone) {
  CoordinatorOptions options;
  options.state_dir = folder_.path() / "second";
  options.listen = "0.0.0.0:0";
  const absl::Status status = Coordinator::Start(options).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("--tls-cert"));
}

TEST_F(CoordinatorProcessTest, TakesAFreePortAndSaysWhenOneIsInUse) {
  CoordinatorOptions options;
  options.state_dir = folder_.path() / "second";
  options.listen = "127.0.0.1:0";
  const auto second = Coordinator::Start(options).value();
  EXPECT_GT(ParseHostPort(second->address()).value().port, 0);
  options.state_dir = folder_.path() / "third";
  options.listen = second->address();
  const absl::Status status = Coordinator::Start(options).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("in use"));
}

TEST_F(CoordinatorProcessTest, ClosingEndsAWatchThatWouldGoOnForever) {
  const std::string name = CreateJob(JobRequest(1)).value().name();
  grpc::ClientContext context;
  v1::WatchJobRequest request;
  request.set_name(name);
  const auto reader = jobs_->WatchJob(&context, request);
  v1::JobEvent event;
  ASSERT_TRUE(reader->Read(&event));
  coordinator_->Shutdown();
  while (reader->Read(&event)) {
  }
  EXPECT_TRUE(absl::IsUnavailable(FromGrpcStatus(reader->Finish())));
}

TEST_F(CoordinatorProcessTest, MetricsCountJobsTasksBytesAndCalls) {
  ASSERT_TRUE(CreateJob(JobRequest(1)).ok());
  const std::string worker = Register();
  ASSERT_TRUE(Lease(worker).value().has_task());
  coordinator_->Maintain(absl::Now());
  coordinator_->Maintain(absl::Now() + absl::Hours(2));
  const std::string text =
      prometheus::TextSerializer().Serialize(coordinator_->metrics()->Collect());
  EXPECT_THAT(text, HasSubstr("alignflow_jobs{state=\"running\"} 1"));
  EXPECT_THAT(text, HasSubstr("alignflow_jobs{state=\"failed\"} 0"));
  EXPECT_THAT(text, HasSubstr("alignflow_tasks{state=\"queued\"} 1"));
  EXPECT_THAT(text, HasSubstr("alignflow_lease_ends_total{outcome=\"lost\"} 1"));
  EXPECT_THAT(text, HasSubstr("alignflow_task_queue_wait_seconds_count 1"));
  EXPECT_THAT(text, HasSubstr("alignflow_blob_bytes_total{direction=\"received\"} "));
  EXPECT_THAT(text, HasSubstr("alignflow_blob_bytes_total{direction=\"sent\"} "));
  EXPECT_THAT(text, HasSubstr("alignflow_free_disk_bytes "));
  EXPECT_THAT(text, HasSubstr("alignflow_catalog_bytes "));
  for (const char* kind : {"write", "read"}) {
    const std::string count =
        absl::StrCat("alignflow_catalog_wait_seconds_count{kind=\"", kind, "\"} ");
    EXPECT_THAT(text, HasSubstr(count));
    EXPECT_THAT(text, testing::Not(HasSubstr(count + "0\n"))) << "there were some";
  }
  EXPECT_THAT(text, HasSubstr("alignflow_queued_tasks{kind=\"prepare\",pretrained=\"no\"} 1"));
  EXPECT_THAT(text, HasSubstr("alignflow_running_tasks{kind=\"prepare\",pretrained=\"no\"} 0"));
  EXPECT_THAT(text, HasSubstr("alignflow_disk_size_bytes "));
  EXPECT_THAT(text, HasSubstr("alignflow_blob_operation_seconds_count{operation=\"commit\"} "));
  EXPECT_THAT(text, HasSubstr("alignflow_build_info{"));
  EXPECT_THAT(text, HasSubstr("alignflow_rpc_duration_seconds_count{"));
  EXPECT_THAT(text, HasSubstr("/alignflow.v1.Jobs/CreateJob"));
  EXPECT_THAT(text, testing::Not(HasSubstr("polyps"))) << "no names of users";
}

TEST_F(CoordinatorProcessTest, MetricsTellWhatJobsHaveMade) {
  const std::string worker = Register();
  const std::string first = CreateJob(JobRequest(3)).value().name();
  left_out_ = {2};
  Work(worker);
  ASSERT_EQ(GetJob(first).state(), v1::JOB_STATE_SUCCEEDED);
  v1::CreateJobRequest other = JobRequest(1);
  Set(other, "seed", "8");
  ASSERT_TRUE(CreateJob(other).ok());
  const v1::LeaseResponse fit = LeaseFit(worker);
  v1::ReportRequest report;
  report.mutable_failure()->set_message("the loss is not finite");
  report.mutable_failure()->set_permanent(true);
  report.mutable_failure()->set_diverged(true);
  ASSERT_EQ(Report(worker, fit, report), absl::OkStatus());
  const std::string text =
      prometheus::TextSerializer().Serialize(coordinator_->metrics()->Collect());
  EXPECT_THAT(text, HasSubstr("alignflow_pairs_made_total 2\n"));
  EXPECT_THAT(text, HasSubstr("alignflow_pairs_left_out_total 1\n"));
  EXPECT_THAT(text, HasSubstr("alignflow_job_first_pair_seconds_count 1\n"));
  EXPECT_THAT(text, HasSubstr("alignflow_diverged_tasks_total{kind=\"fit\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("alignflow_diverged_tasks_total{kind=\"align\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("alignflow_verdicts_total{name=\"diversity\",verdict=\"poor\"} 0"));
}

}  // namespace
}  // namespace alignflow
