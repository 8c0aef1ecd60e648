#include "server/services/workers_service.h"

#include "common/settings/result_version.h"
#include "server/blobs/folder_blobs.h"
#include "server/workflow/task_results.h"
#include "tests/server/coordinator_fixture.h"

namespace alignflow {
namespace {

using testing::HasSubstr;

class WorkersServiceTest : public CoordinatorTest {
 protected:
  // As if every worker had been silent for a long time.
  void LoseWorkers() { coordinator_->Maintain(absl::Now() + absl::Hours(2)); }
};

TEST_F(WorkersServiceTest, RefusesAWorkerOfAnotherResultVersion) {
  v1::RegisterRequest request;
  request.set_result_version(kResultVersion + 1);
  v1::RegisterResponse response;
  const absl::Status status = Call(*workers_, &v1::Workers::Stub::Register, request, &response);
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("update the older program"));
}

TEST_F(WorkersServiceTest, AnUnknownWorkerIsToldToRegister) {
  EXPECT_TRUE(absl::IsUnauthenticated(Lease("nobody").status()));
  EXPECT_TRUE(absl::IsUnauthenticated(Heartbeat("nobody", {}).status()));
  EXPECT_TRUE(absl::IsUnauthenticated(ReportFailure("nobody", {}, false)));
}

TEST_F(WorkersServiceTest, ALostWorkersTaskGoesToAnotherFromItsCheckpoint) {
  ASSERT_TRUE(CreateJob(JobRequest(1)).ok());
  const std::string lost = Register();
  const v1::LeaseResponse first = Lease(lost).value();
  const std::string checkpoint = Upload("half-way").sha256();
  ASSERT_TRUE(Heartbeat(lost, first, checkpoint).ok());
  LoseWorkers();
  EXPECT_TRUE(absl::IsUnauthenticated(Heartbeat(lost, first).status()));
  const std::string other = Register();
  const v1::LeaseResponse second = Lease(other).value();
  EXPECT_EQ(second.task().key(), first.task().key());
  EXPECT_EQ(second.attempt(), first.attempt() + 1);
  EXPECT_EQ(second.checkpoint_sha256(), checkpoint);

  // The lost one comes back late.
  const std::string back = Register();
  EXPECT_TRUE(absl::IsFailedPrecondition(Heartbeat(back, first).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(ReportSuccess(back, first)));
  EXPECT_TRUE(absl::IsFailedPrecondition(ReportHandedBack(back, first, checkpoint)));
  EXPECT_EQ(ReportSuccess(other, second), absl::OkStatus());
}

TEST_F(WorkersServiceTest, ARepeatedReportSucceeds) {
  ASSERT_TRUE(CreateJob(JobRequest(1)).ok());
  const std::string worker = Register();
  const v1::LeaseResponse lease = Lease(worker).value();
  EXPECT_EQ(ReportSuccess(worker, lease), absl::OkStatus());
  EXPECT_EQ(ReportSuccess(worker, lease), absl::OkStatus());
  EXPECT_TRUE(absl::IsFailedPrecondition(ReportFailure(worker, lease, false)));
}

TEST_F(WorkersServiceTest, AWorkerThatAsksAgainHoldsNothing) {
  ASSERT_TRUE(CreateJob(JobRequest(1)).ok());
  const std::string worker = Register();
  const v1::LeaseResponse unheard = Lease(worker).value();  // the answer got lost on its way
  const v1::LeaseResponse again = Lease(worker).value();
  EXPECT_EQ(again.task().key(), unheard.task().key());
  EXPECT_EQ(again.attempt(), unheard.attempt() + 1);
}

TEST_F(WorkersServiceTest, HandingBackIsNoFailure) {
  const std::string name = CreateJob(JobRequest(1)).value().name();
  const std::string worker = Register();
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(ReportHandedBack(worker, Lease(worker).value()), absl::OkStatus());
  }
  EXPECT_NE(GetJob(name).state(), v1::JOB_STATE_FAILED);
  EXPECT_EQ(StageOf(GetJob(name), "prepare").retries(), 0);
}

TEST_F(WorkersServiceTest, ARefusedResultEndsTheLeaseIsCountedAndBounded) {
  const std::string name = CreateJob(JobRequest(3)).value().name();
  const std::string worker = Register();
  for (int refused = 1; refused <= 3; ++refused) {
    const v1::LeaseResponse fit = LeaseFit(worker);
    ASSERT_TRUE(fit.has_task());
    v1::ReportRequest report;
    report.mutable_success();
    EXPECT_TRUE(absl::IsInvalidArgument(Report(worker, fit, report))) << "an output is missing";
    EXPECT_TRUE(absl::IsFailedPrecondition(Heartbeat(worker, fit).status())) << "it is over";
    EXPECT_EQ(LeaseEnds(GetJob(name), "fit", "refused"), refused);
  }
  const v1::Job job = GetJob(name);
  EXPECT_EQ(job.state(), v1::JOB_STATE_FAILED);
  EXPECT_THAT(job.error(), HasSubstr("output model is missing"));
  EXPECT_EQ(StageOf(job, "fit").retries(), 2);
}

TEST_F(WorkersServiceTest, ResultsThatAreNotWholeAreRefused) {
  ASSERT_TRUE(CreateJob(JobRequest(3)).ok());
  const std::string worker = Register();
  v1::LeaseResponse fit = LeaseFit(worker);
  v1::ReportRequest report;
  (*report.mutable_success()->mutable_outputs())["model"] = std::string(64, '0');
  (*report.mutable_success()->mutable_outputs())["curve.json"] = std::string(64, '0');
  EXPECT_TRUE(absl::IsInvalidArgument(Report(worker, fit, report))) << "a blob is missing";
  ASSERT_EQ(ReportSuccess(worker, LeaseFit(worker)), absl::OkStatus());
  Work(worker, 2);
  const v1::LeaseResponse first = Lease(worker).value();
  ASSERT_EQ(first.task().kind(), "generate");
  ASSERT_EQ(ReportHandedBack(worker, first), absl::OkStatus());

  const std::string png = Upload(GreyPng(4, 4, 1)).sha256();
  const auto line = [](int pair, const std::string& image) {
    return "{\"pair\":" + std::to_string(pair) + ",\"image\":\"" + image + "\",\"mask\":\"" +
           image + "\",\"record\":{}}\n";
  };
  const std::string absent(64, '0');
  for (const std::string& lines : {std::string("no JSON"), line(1, png) + line(2, png),
                                   line(1, png) + line(3, png) + line(2, png),
                                   line(1, png) + line(2, png) + line(3, png) + line(4, png),
                                   line(1, png) + line(2, png) + line(3, absent),
                                   line(1, png) + line(2, png) + line(3, "no digest")}) {
    const auto store = FolderBlobs::Open(folder_.path() / "blobs").value();
    BlobStore& blobs = *store;
    TaskSpec task{.kind = "generate", .settings = {}, .inputs = {}};
    task.settings = {first.task().settings().begin(), first.task().settings().end()};
    const BlobOwner owner = BlobOwner::Upload("test");
    ASSERT_TRUE(blobs.Put(GreyPng(4, 4, 1), owner, absl::Now()).ok());
    const TaskOutputs outputs = {{"pairs", blobs.Put(lines, owner, absl::Now()).value()}};
    EXPECT_TRUE(absl::IsInvalidArgument(CheckOutputs(task, outputs, blobs).status())) << lines;
  }
  EXPECT_EQ(ReportSuccess(worker, Lease(worker).value()), absl::OkStatus());
}

TEST_F(WorkersServiceTest, EveryEndOfALeaseIsCounted) {
  const std::string name = CreateJob(JobRequest(1)).value().name();
  const std::string worker = Register();
  ASSERT_EQ(ReportHandedBack(worker, Lease(worker).value()), absl::OkStatus());
  ASSERT_EQ(ReportFailure(worker, Lease(worker).value(), false), absl::OkStatus());
  Lease(worker).value();
  Lease(worker).value();  // never heard of the one before
  LoseWorkers();
  const std::string other = Register();
  ASSERT_EQ(ReportSuccess(other, Lease(other).value()), absl::OkStatus());
  Lease(other).value();
  ASSERT_TRUE(CancelJob(name).ok());
  const v1::Job job = GetJob(name);
  for (const char* outcome : {"handed back", "failed", "unheard", "lost", "succeeded"}) {
    EXPECT_EQ(LeaseEnds(job, "prepare", outcome), 1) << outcome;
  }
  EXPECT_EQ(LeaseEnds(job, "describe", "cancelled"), 1);
}

TEST_F(WorkersServiceTest, ACheckpointThatWasNotWrittenIsRefused) {
  ASSERT_TRUE(CreateJob(JobRequest(1)).ok());
  const std::string worker = Register();
  const v1::LeaseResponse lease = Lease(worker).value();
  EXPECT_TRUE(absl::IsInvalidArgument(Heartbeat(worker, lease, std::string(64, '0')).status()));
}

TEST_F(WorkersServiceTest, AReplacedCheckpointGoesAtOnce) {
  ASSERT_TRUE(CreateJob(JobRequest(1)).ok());
  const std::string worker = Register();
  const v1::LeaseResponse lease = Lease(worker).value();
  const std::string first = Upload("checkpoint 1").sha256();
  const std::string second = Upload("checkpoint 2").sha256();
  ASSERT_TRUE(Heartbeat(worker, lease, first).ok());
  ASSERT_TRUE(Heartbeat(worker, lease).ok());
  EXPECT_TRUE(blobs_->DownloadBytes(first).ok());
  ASSERT_TRUE(Heartbeat(worker, lease, second).ok());
  EXPECT_TRUE(absl::IsNotFound(blobs_->DownloadBytes(first).status()));
  ASSERT_EQ(ReportSuccess(worker, lease), absl::OkStatus());
  EXPECT_TRUE(absl::IsNotFound(blobs_->DownloadBytes(second).status()));
}

TEST_F(WorkersServiceTest, AClosingCoordinatorLeasesNothingAndAsksForTasksBack) {
  const std::string name = CreateJob(JobRequest(1)).value().name();
  const std::string busy = Register(), idle = Register();
  const v1::LeaseResponse lease = Lease(busy).value();
  coordinator_->Drain(absl::ZeroDuration());
  EXPECT_TRUE(Lease(idle).value().draining());
  EXPECT_TRUE(Heartbeat(busy, lease).value());
  const std::string checkpoint = Upload("half-way").sha256();
  EXPECT_EQ(ReportHandedBack(busy, lease, checkpoint), absl::OkStatus());
  coordinator_->Drain(absl::InfiniteDuration());  // returns: nothing runs any more
  Restart();
  const v1::LeaseResponse again = Lease(Register()).value();
  EXPECT_EQ(again.task().key(), lease.task().key());
  EXPECT_EQ(again.checkpoint_sha256(), checkpoint);
  EXPECT_EQ(StageOf(GetJob(name), "prepare").retries(), 0);
}

TEST_F(WorkersServiceTest, QueuedJobsSayWhetherAWorkerIsThere) {
  const std::string name = CreateJob(JobRequest(1)).value().name();
  EXPECT_EQ(GetJob(name).waiting_reason(), "no worker is connected");
  Register();
  EXPECT_EQ(GetJob(name).waiting_reason(), "");
  LoseWorkers();
  EXPECT_EQ(GetJob(name).waiting_reason(), "no worker is connected");
}

}  // namespace
}  // namespace alignflow
