#include "server/services/jobs_service.h"

#include <nlohmann/json.hpp>

#include "tests/server/coordinator_fixture.h"

namespace alignflow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class JobsServiceTest : public CoordinatorTest {
 protected:
  // The events after a number, up to the stream's end, or the first only.
  std::vector<v1::JobEvent> EventsOf(const std::string& name, int64_t after, bool first_only) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Minutes(2)));
    v1::WatchJobRequest request;
    request.set_name(name);
    request.set_after_event(after);
    const auto reader = jobs_->WatchJob(&context, request);
    std::vector<v1::JobEvent> events;
    for (v1::JobEvent event; reader->Read(&event);) {
      events.push_back(event);
      if (first_only) context.TryCancel();
    }
    const absl::Status status = FromGrpcStatus(reader->Finish());
    EXPECT_EQ(status.ok(), !first_only) << status;
    return events;
  }

  absl::StatusOr<v1::Report> GetReport(const std::string& name) {
    v1::GetReportRequest request;
    request.set_name(name);
    v1::Report report;
    absl::Status status = Call(*jobs_, &v1::Jobs::Stub::GetReport, request, &report);
    if (!status.ok()) return status;
    return report;
  }
};

TEST_F(JobsServiceTest, AJobGoesThroughItsStagesAndEndsWithPairsFiguresAndModels) {
  const v1::Job queued = CreateJob(JobRequest(40)).value();
  EXPECT_EQ(queued.state(), v1::JOB_STATE_QUEUED);
  EXPECT_EQ(queued.waiting_reason(), "no worker is connected");
  EXPECT_EQ(queued.spec().preset(), "unet-64");
  EXPECT_EQ(queued.spec().settings().at("align.start_index"), "18");
  EXPECT_EQ(queued.spec().references_size(), 2);
  EXPECT_TRUE(queued.warnings().empty());
  EXPECT_EQ(StageOf(queued, "prepare").state(), v1::STAGE_STATE_QUEUED);
  EXPECT_EQ(StageOf(queued, "fit").state(), v1::STAGE_STATE_WAITING);
  EXPECT_EQ(StageOf(queued, "align").state(), v1::STAGE_STATE_WAITING);
  EXPECT_TRUE(absl::IsFailedPrecondition(GetReport(queued.name()).status()));

  const std::vector<std::string> kinds = Work(Register());
  EXPECT_THAT(kinds, ElementsAre("prepare", "describe", "fit", "rollout", "align", "generate",
                                 "generate", "generate", "generate", "figures"));
  const v1::Job done = GetJob(queued.name());
  EXPECT_EQ(done.state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(done.pairs_ready(), 40);
  EXPECT_EQ(done.waiting_reason(), "");
  for (const v1::Stage& stage : done.stages()) {
    EXPECT_EQ(stage.state(), v1::STAGE_STATE_SUCCEEDED) << stage.id();
    EXPECT_EQ(stage.tasks_done(), stage.tasks_total());
    EXPECT_TRUE(stage.has_end_time());
  }
  EXPECT_EQ(StageOf(done, "generate").tasks_total(), 2);
  EXPECT_THAT(done.stage1_model(), HasSubstr("models/"));
  EXPECT_THAT(done.stage2_model(), HasSubstr("models/"));
  EXPECT_NE(done.stage1_model(), done.stage2_model());
  EXPECT_GE(done.end_time().seconds(), done.start_time().seconds());

  const v1::Report report = GetReport(queued.name()).value();
  ASSERT_EQ(report.figures_size(), 2);
  EXPECT_EQ(report.figures(0).name(), "mmd to target");
  EXPECT_EQ(report.figures(0).value(), 0.5);
  EXPECT_EQ(report.figures(0).low(), 0.4);
  EXPECT_EQ(report.figures(0).high(), 0.6);
  EXPECT_FALSE(report.figures(1).has_value()) << "not available is not zero";
  EXPECT_FALSE(report.figures(1).has_low());
  EXPECT_EQ(report.figures(1).note(), "no weights");
  ASSERT_EQ(report.verdicts_size(), 1);
  EXPECT_EQ(report.verdicts(0).name(), "alignment");
  EXPECT_EQ(report.verdicts(0).verdict(), "good");
  EXPECT_EQ(report.verdicts(0).reason(), "closer than stage 1");
  std::map<std::string, std::string> artifacts;
  for (const v1::Artifact& artifact : report.artifacts()) {
    artifacts[artifact.name()] = artifact.media_type();
  }
  EXPECT_THAT(artifacts,
              testing::UnorderedElementsAre(testing::Pair("contact-sheet.png", "image/png"),
                                            testing::Pair("samples.json", "application/json"),
                                            testing::Pair("scores.json", "application/json"),
                                            testing::Pair("embedding.json", "application/json"),
                                            testing::Pair("fit-curve.json", "application/json"),
                                            testing::Pair("align-curve.json", "application/json")));
}

TEST_F(JobsServiceTest, PairsComeInOrderOnceAndWithTheirProvenance) {
  const std::string name = CreateJob(JobRequest(40)).value().name();
  Work(Register());
  absl::Status status;
  const std::vector<v1::Pair> pairs = PairsOf(name, 0, &status);
  EXPECT_EQ(status, absl::OkStatus());
  ASSERT_EQ(pairs.size(), 40u);
  for (int i = 0; i < 40; ++i) {
    const v1::Pair& pair = pairs[i];
    EXPECT_EQ(pair.index(), i + 1);
    EXPECT_EQ(DescribeBytes(pair.image_data()).sha256, pair.image().sha256());
    EXPECT_EQ(DescribeBytes(pair.mask_data()).sha256, pair.mask().sha256());
    const auto record = nlohmann::json::parse(pair.record_json());
    EXPECT_EQ(record["job"], name);
    EXPECT_EQ(record["pair"], i + 1);
    EXPECT_EQ(record["synthetic"], "restyled");
  }
  const std::vector<v1::Pair> rest = PairsOf(name, 38, &status);
  ASSERT_EQ(rest.size(), 2u);
  EXPECT_EQ(rest[0].SerializeAsString(), pairs[38].SerializeAsString());
  EXPECT_TRUE(PairsOf(name, 40, &status).empty());
  EXPECT_EQ(status, absl::OkStatus());
}

TEST_F(JobsServiceTest, PairsThatFailedTheGatesAreCountedAndSkipped) {
  left_out_ = {1, 2, 7, 32, 33, 40};
  const std::string name = CreateJob(JobRequest(40)).value().name();
  Work(Register());
  const v1::Job job = GetJob(name);
  EXPECT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(job.pairs_ready(), 34);
  EXPECT_EQ(job.pairs_left_out(), 6);
  for (const int after : {0, 1, 2, 6, 7, 31, 32, 39, 40}) {
    absl::Status status;
    std::vector<int> indices;
    for (const v1::Pair& pair : PairsOf(name, after, &status)) indices.push_back(pair.index());
    EXPECT_EQ(status, absl::OkStatus()) << "the stream knows its end";
    std::vector<int> expected;
    for (int i = after + 1; i <= 40; ++i) {
      if (!left_out_.contains(i)) expected.push_back(i);
    }
    EXPECT_EQ(indices, expected) << "after " << after;
  }
}

TEST_F(JobsServiceTest, AJobOfLeftOutPairsAloneEndsWell) {
  left_out_ = {1, 2};
  const std::string name = CreateJob(JobRequest(2)).value().name();
  Work(Register());
  EXPECT_EQ(GetJob(name).state(), v1::JOB_STATE_SUCCEEDED);
  absl::Status status;
  EXPECT_TRUE(PairsOf(name, 0, &status).empty());
  EXPECT_EQ(status, absl::OkStatus());
  EXPECT_EQ(CreateJob(JobRequest(2)).value().pairs_left_out(), 2) << "reused as they are";
}

TEST_F(JobsServiceTest, AWholeJobWithMasksGatesAndEvaluationGoesThroughEveryStage) {
  ASSERT_EQ(CreateDataset("target", ManifestOf(2, 60)), absl::OkStatus());
  v1::CreateJobRequest request = JobRequest(40);
  request.mutable_spec()->set_target("datasets/target");
  Set(request, "masks.kind", "both");
  Set(request, "gates.enabled", "on");
  Set(request, "evaluate.segmenter", "unet");
  Set(request, "evaluate.seeds", "2");
  Set(request, "evaluate.pictures", "view");
  const v1::Job queued = CreateJob(request).value();
  EXPECT_THAT(Work(Register()),
              ElementsAre("prepare", "prepare", "describe", "fit", "fit-masks", "judge", "judge",
                          "rollout", "align", "masks", "masks", "generate", "generate", "generate",
                          "generate", "baseline", "baseline", "evaluate", "evaluate", "evaluate",
                          "evaluate", "figures"));
  const v1::Job done = GetJob(queued.name());
  EXPECT_EQ(done.state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(done.pairs_ready(), 40) << "new masks alone are no pairs";
  EXPECT_EQ(StageOf(done, "baseline").tasks_total(), 2);
}

TEST_F(JobsServiceTest, ColourTransferMakesPairsWithoutAnyModel) {
  v1::CreateJobRequest request = JobRequest(2);
  Set(request, "method", "reinhard");
  const std::string name = CreateJob(request).value().name();
  EXPECT_THAT(Work(Register()), ElementsAre("prepare", "describe", "transfer", "figures"));
  EXPECT_EQ(GetJob(name).pairs_ready(), 2);
  EXPECT_EQ(GetJob(name).stage1_model(), "");
}

TEST_F(JobsServiceTest, PairsBeforeAGapAreNotHeldBackAndThoseAfterItAre) {
  const std::string name = CreateJob(JobRequest(70)).value().name();
  const std::string first = Register(), second = Register(), third = Register();
  Work(first, 5);
  const v1::LeaseResponse shard1 = Lease(first).value();
  const v1::LeaseResponse shard2 = Lease(second).value();
  const v1::LeaseResponse shard3 = Lease(third).value();
  ASSERT_EQ(ReportSuccess(first, shard1), absl::OkStatus());
  ASSERT_EQ(ReportSuccess(third, shard3), absl::OkStatus());
  EXPECT_EQ(GetJob(name).pairs_ready(), 32 + 6);
  ASSERT_TRUE(CancelJob(name).ok());
  absl::Status status;
  EXPECT_EQ(PairsOf(name, 0, &status).size(), 32u) << "pairs made so far stay";
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("before pair 33"));
}

TEST_F(JobsServiceTest, ASecondJobWithOtherReferencesSkipsFitAndRollout) {
  const std::string worker = Register();
  const std::string first = CreateJob(JobRequest(2)).value().name();
  Work(worker);
  const v1::Job second = CreateJob(JobRequest(2, 3, 200)).value();
  EXPECT_EQ(StageOf(second, "fit").state(), v1::STAGE_STATE_REUSED);
  EXPECT_EQ(StageOf(second, "rollout").state(), v1::STAGE_STATE_REUSED);
  EXPECT_EQ(StageOf(second, "compare").state(), v1::STAGE_STATE_REUSED);
  EXPECT_EQ(StageOf(second, "align").state(), v1::STAGE_STATE_QUEUED);
  EXPECT_EQ(second.stage1_model(), GetJob(first).stage1_model());
  EXPECT_THAT(Work(worker), ElementsAre("align", "generate", "figures"));
  const v1::Job done = GetJob(second.name());
  EXPECT_EQ(done.state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(StageOf(done, "fit").state(), v1::STAGE_STATE_REUSED);
  EXPECT_EQ(StageOf(done, "fit").tasks_reused(), 1);
}

// Whatever else they ask for, jobs on one source at one size prepare it once.
TEST_F(JobsServiceTest, JobsOfOtherMethodsAndSeedsShareThePreparedSource) {
  const std::string worker = Register();
  ASSERT_TRUE(CreateJob(JobRequest(2)).ok());
  Work(worker);
  v1::CreateJobRequest request = JobRequest(2);
  Set(request, "method", "fda");
  Set(request, "seed", "7");
  const v1::Job other = CreateJob(request).value();
  EXPECT_EQ(StageOf(other, "prepare").state(), v1::STAGE_STATE_REUSED);
  EXPECT_EQ(StageOf(other, "describe").state(), v1::STAGE_STATE_REUSED);
  EXPECT_THAT(Work(worker), ElementsAre("transfer", "figures"));
}

TEST_F(JobsServiceTest, TheSameJobAgainIsDoneAtOnceWithItsOwnPairs) {
  const std::string first = CreateJob(JobRequest(2)).value().name();
  Work(Register());
  const v1::Job second = CreateJob(JobRequest(2)).value();
  EXPECT_NE(second.name(), first);
  EXPECT_EQ(second.state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(second.pairs_ready(), 2);
  absl::Status status;
  const std::vector<v1::Pair> pairs = PairsOf(second.name(), 0, &status);
  ASSERT_EQ(pairs.size(), 2u);
  EXPECT_THAT(pairs[0].record_json(), HasSubstr(second.name()));
}

TEST_F(JobsServiceTest, TwoJobsShareATaskThatRuns) {
  const std::string worker = Register();
  const std::string first = CreateJob(JobRequest(2)).value().name();
  const v1::LeaseResponse fit = LeaseFit(worker);
  const v1::Job second = CreateJob(JobRequest(2, 3, 200)).value();
  EXPECT_EQ(second.state(), v1::JOB_STATE_RUNNING);
  EXPECT_FALSE(Lease(Register()).value().has_task()) << "the fit is not computed twice";
  ASSERT_EQ(ReportSuccess(worker, fit), absl::OkStatus());
  Work(worker);
  EXPECT_EQ(GetJob(first).state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(GetJob(second.name()).state(), v1::JOB_STATE_SUCCEEDED);
}

TEST_F(JobsServiceTest, ASharedTaskSurvivesTheCancellingOfOneJob) {
  const std::string worker = Register();
  const std::string first = CreateJob(JobRequest(2)).value().name();
  const std::string second = CreateJob(JobRequest(2, 3, 200)).value().name();
  const v1::LeaseResponse fit = LeaseFit(worker);
  ASSERT_TRUE(CancelJob(first).ok());
  EXPECT_FALSE(Heartbeat(worker, fit).value());
  ASSERT_EQ(ReportSuccess(worker, fit), absl::OkStatus());
  Work(worker);
  EXPECT_EQ(GetJob(first).state(), v1::JOB_STATE_CANCELLED);
  EXPECT_EQ(GetJob(second).state(), v1::JOB_STATE_SUCCEEDED);
}

TEST_F(JobsServiceTest, CancellingReachesTheWorkerAndMayBeRepeated) {
  const std::string worker = Register();
  const std::string name = CreateJob(JobRequest(2)).value().name();
  const v1::LeaseResponse fit = LeaseFit(worker);
  EXPECT_EQ(CancelJob(name).value().state(), v1::JOB_STATE_CANCELLED);
  EXPECT_TRUE(Heartbeat(worker, fit).value());
  EXPECT_EQ(ReportHandedBack(worker, fit), absl::OkStatus());
  EXPECT_EQ(CancelJob(name).value().state(), v1::JOB_STATE_CANCELLED);
  EXPECT_FALSE(Lease(worker).value().has_task());
  EXPECT_EQ(StageOf(GetJob(name), "fit").state(), v1::STAGE_STATE_CANCELLED);
}

TEST_F(JobsServiceTest, AFinishedJobCannotBeCancelled) {
  const std::string name = CreateJob(JobRequest(2)).value().name();
  Work(Register());
  EXPECT_TRUE(absl::IsFailedPrecondition(CancelJob(name).status()));
  EXPECT_TRUE(absl::IsNotFound(CancelJob("jobs/0").status()));
}

TEST_F(JobsServiceTest, ACancelledJobStartedAgainGoesOnFromItsCheckpoint) {
  const std::string worker = Register();
  const std::string name = CreateJob(JobRequest(2)).value().name();
  const v1::LeaseResponse fit = LeaseFit(worker);
  const std::string checkpoint = Upload("half-way").sha256();
  ASSERT_TRUE(CancelJob(name).ok());
  ASSERT_EQ(ReportHandedBack(worker, fit, checkpoint), absl::OkStatus());
  ASSERT_TRUE(CreateJob(JobRequest(2)).ok());
  const v1::LeaseResponse again = LeaseFit(worker);
  EXPECT_EQ(again.task().key(), fit.task().key());
  EXPECT_EQ(again.checkpoint_sha256(), checkpoint);
  EXPECT_GT(again.attempt(), fit.attempt());
}

TEST_F(JobsServiceTest, AFailedTaskFailsItsJobWithTheWorkersMessage) {
  const std::string worker = Register();
  const std::string name = CreateJob(JobRequest(2)).value().name();
  ASSERT_EQ(ReportFailure(worker, LeaseFit(worker), true), absl::OkStatus());
  const v1::Job job = GetJob(name);
  EXPECT_EQ(job.state(), v1::JOB_STATE_FAILED);
  EXPECT_EQ(job.error(), "stage fit failed: it does not work; try another");
  EXPECT_EQ(StageOf(job, "fit").state(), v1::STAGE_STATE_FAILED);
  EXPECT_EQ(StageOf(job, "align").state(), v1::STAGE_STATE_CANCELLED);
  EXPECT_FALSE(Lease(worker).value().has_task());
  absl::Status status;
  PairsOf(name, 0, &status);
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_EQ(CreateJob(JobRequest(2)).value().state(), v1::JOB_STATE_QUEUED)
      << "the same job may be tried again";
}

TEST_F(JobsServiceTest, TriesThreeTimes) {
  const std::string worker = Register();
  const std::string name = CreateJob(JobRequest(2)).value().name();
  for (int failure = 1; failure <= 3; ++failure) {
    EXPECT_NE(GetJob(name).state(), v1::JOB_STATE_FAILED);
    ASSERT_EQ(ReportFailure(worker, LeaseFit(worker), false), absl::OkStatus());
  }
  EXPECT_EQ(GetJob(name).state(), v1::JOB_STATE_FAILED);
  EXPECT_EQ(StageOf(GetJob(name), "fit").retries(), 2);
}

TEST_F(JobsServiceTest, TheOlderJobIsServedFirst) {
  v1::CreateJobRequest request = JobRequest(2);
  const std::string older = CreateJob(request).value().name();
  (*request.mutable_spec()->mutable_settings())["seed"] = "1";
  request.mutable_spec()->set_preset("unet-128");  // so that they share nothing
  const std::string newer = CreateJob(request).value().name();
  const std::string worker = Register();
  const v1::LeaseResponse fit = LeaseFit(worker);
  EXPECT_EQ(fit.task().settings().at("seed"), "0");
  EXPECT_EQ(GetJob(newer).waiting_reason(), "1 worker, busy with " + older);
}

TEST_F(JobsServiceTest, ARepeatedRequestGivesTheFirstCallsJob) {
  v1::CreateJobRequest request = JobRequest(2);
  request.set_request_id("mine");
  const std::string name = CreateJob(request).value().name();
  EXPECT_EQ(CreateJob(request).value().name(), name);
  request.set_request_id("other");
  EXPECT_NE(CreateJob(request).value().name(), name);
}

TEST_F(JobsServiceTest, TheTargetIsForFiguresOnly) {
  ASSERT_EQ(CreateDataset("target", ManifestOf(2, 60)), absl::OkStatus());
  v1::CreateJobRequest request = JobRequest(1);
  request.mutable_spec()->set_target("datasets/target");
  ASSERT_TRUE(CreateJob(request).ok());
  const std::string worker = Register();
  for (v1::LeaseResponse lease = Lease(worker).value(); lease.has_task();
       lease = Lease(worker).value()) {
    EXPECT_EQ(lease.task().inputs().contains("target"), lease.task().kind() == "figures");
    ASSERT_EQ(ReportSuccess(worker, lease), absl::OkStatus());
  }
}

TEST_F(JobsServiceTest, WatchingShowsTheLatestStateAndEndsWithTheJob) {
  const std::string worker = Register();
  const std::string name = CreateJob(JobRequest(1)).value().name();
  const v1::LeaseResponse fit = LeaseFit(worker);
  ASSERT_TRUE(Heartbeat(worker, fit, "", 7).ok());
  const v1::JobEvent event = EventsOf(name, 0, true).front();
  EXPECT_EQ(event.job().state(), v1::JOB_STATE_RUNNING);
  const v1::Stage& stage = StageOf(event.job(), "fit");
  EXPECT_EQ(stage.state(), v1::STAGE_STATE_RUNNING);
  EXPECT_EQ(stage.step(), 7);
  EXPECT_EQ(stage.steps_total(), 10);
  EXPECT_EQ(stage.values().at("loss"), 0.5);
  ASSERT_EQ(ReportSuccess(worker, fit), absl::OkStatus());
  Work(worker);
  const std::vector<v1::JobEvent> last = EventsOf(name, event.number(), false);
  ASSERT_EQ(last.size(), 1u) << "events in between are merged";
  EXPECT_EQ(last[0].job().state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_GT(last[0].number(), event.number());
  EXPECT_TRUE(EventsOf(name, last[0].number(), false).empty());
}

TEST_F(JobsServiceTest, AWatcherIsWokenByEveryChange) {
  const std::string worker = Register();
  const std::string name = CreateJob(JobRequest(1)).value().name();
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Minutes(2)));
  v1::WatchJobRequest request;
  request.set_name(name);
  const auto reader = jobs_->WatchJob(&context, request);
  v1::JobEvent event;
  ASSERT_TRUE(reader->Read(&event));
  EXPECT_EQ(event.job().state(), v1::JOB_STATE_QUEUED);
  Work(worker);
  while (reader->Read(&event)) {
  }
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(event.job().state(), v1::JOB_STATE_SUCCEEDED);
}

TEST_F(JobsServiceTest, ListsNewestFirstPageByPage) {
  std::vector<std::string> expected;
  for (int i = 0; i < 3; ++i) {
    expected.insert(expected.begin(), CreateJob(JobRequest(1)).value().name());
  }
  v1::ListJobsRequest request;
  request.set_page_size(2);
  v1::ListJobsResponse first, second;
  ASSERT_EQ(Call(*jobs_, &v1::Jobs::Stub::ListJobs, request, &first), absl::OkStatus());
  request.set_page_token(first.next_page_token());
  ASSERT_EQ(Call(*jobs_, &v1::Jobs::Stub::ListJobs, request, &second), absl::OkStatus());
  std::vector<std::string> names;
  for (const auto* page : {&first, &second}) {
    for (const v1::Job& job : page->jobs()) names.push_back(job.name());
  }
  EXPECT_EQ(names, expected);
  EXPECT_EQ(second.next_page_token(), "");
}

}  // namespace
}  // namespace alignflow
