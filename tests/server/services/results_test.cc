#include "server/catalog/soci.h"
#include "tests/server/coordinator_fixture.h"

namespace alignflow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

// Results, and what becomes of the jobs that have them.
class ResultsTest : public CoordinatorTest {
 protected:
  std::string FinishedJob(int pairs = 2, int salt = 100) {
    const std::string name = CreateJob(JobRequest(pairs, 2, salt)).value().name();
    Work(Register());
    EXPECT_EQ(GetJob(name).state(), v1::JOB_STATE_SUCCEEDED);
    return name;
  }
  std::vector<v1::Pair> Pairs(const std::string& name) { return PairsOf(name, 0, &status_); }
  void LoseFile(const std::string& sha256) {
    std::filesystem::remove(folder_.path() / "state" / "blobs" / sha256.substr(0, 2) /
                            sha256.substr(2));
  }
  absl::StatusOr<std::string> Rerun(const std::string& name, const std::string& stage = "") {
    v1::RerunJobRequest request;
    request.set_name(name);
    request.set_stage(stage);
    v1::Job job;
    absl::Status status = Call(*jobs_, &v1::Jobs::Stub::RerunJob, request, &job);
    if (!status.ok()) return status;
    return job.name();
  }
  absl::StatusOr<v1::DistrustResultsResponse> Distrust(const std::string& name,
                                                       const std::string& stage,
                                                       bool only_look = false) {
    v1::DistrustResultsRequest request;
    request.set_name(name);
    request.set_stage(stage);
    request.set_reason("the scanner was miscalibrated");
    request.set_validate_only(only_look);
    v1::DistrustResultsResponse response;
    absl::Status status = Call(*jobs_, &v1::Jobs::Stub::DistrustResults, request, &response);
    if (!status.ok()) return status;
    return response;
  }
  void Execute(const std::string& statement) { *place_.Connect() << statement; }
  int64_t CountBad() {
    int64_t bad = 0;
    *place_.Connect() << "SELECT COUNT(*) FROM results WHERE state = 'bad'", soci::into(bad);
    return bad;
  }
  // A job with 72 shards, whose colours are transferred.
  std::string LargeJob() {
    v1::CreateJobRequest request = JobRequest(2300);
    Set(request, "method", "reinhard");
    const std::string name = CreateJob(request).value().name();
    Work(Register());
    EXPECT_EQ(GetJob(name).state(), v1::JOB_STATE_SUCCEEDED);
    return name;
  }
  // No result is declared bad any more once there are so many: as if the coordinator were killed
  // between two steps.
  void StopAfter(int bad) {
    if (TestServer::Wanted()) {
      Execute(
          "CREATE OR REPLACE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF "
          "(SELECT "
          "COUNT(*) FROM results WHERE state = 'bad') >= " +
          std::to_string(bad) + " THEN RAISE 'stopped'; END IF; RETURN NEW; END $$");
      return Execute(
          "CREATE TRIGGER stop BEFORE UPDATE ON results FOR EACH ROW EXECUTE FUNCTION stop()");
    }
    Execute(
        "CREATE TRIGGER stop BEFORE UPDATE ON results WHEN (SELECT COUNT(*) FROM results WHERE "
        "state = 'bad') >= " +
        std::to_string(bad) + " BEGIN SELECT RAISE(ABORT, 'stopped'); END");
  }
  void GoOnAgain() {
    Execute(TestServer::Wanted() ? "DROP TRIGGER stop ON results" : "DROP TRIGGER stop");
  }
  void ExpectAllDone(const std::string& name) {
    const v1::Job job = GetJob(name);
    EXPECT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED);
    for (const v1::Stage& stage : job.stages()) {
      EXPECT_EQ(stage.tasks_done(), stage.tasks_total()) << stage.id();
      EXPECT_TRUE(stage.state() == v1::STAGE_STATE_SUCCEEDED ||
                  stage.state() == v1::STAGE_STATE_REUSED)
          << stage.id();
    }
  }

  absl::Status status_;
};

TEST_F(ResultsTest, ACancelledRepairUndoesNoFinishedJobAndItsStreamEnds) {
  const std::string first = FinishedJob();
  LoseFile(Pairs(first).front().image().sha256());
  const std::string second = CreateJob(JobRequest(2)).value().name();
  for (const bool leased : {false, true}) {
    if (leased) {
      ASSERT_TRUE(Lease(Register()).value().has_task());
    }
    ExpectAllDone(first);
    EXPECT_TRUE(Pairs(first).empty());
    EXPECT_TRUE(absl::IsDataLoss(status_)) << status_;
  }
  ASSERT_TRUE(CancelJob(second).ok());
  ExpectAllDone(first);
  EXPECT_TRUE(Pairs(first).empty());
  EXPECT_TRUE(absl::IsDataLoss(status_)) << status_;
  EXPECT_THAT(GetJob(first).warnings(),
              testing::Contains(HasSubstr("results of stage generate are lost")));

  const std::string third = Rerun(first).value();
  Work(Register());
  for (const std::string& name : {first, third}) {
    ExpectAllDone(name);
    EXPECT_EQ(Pairs(name).size(), 2u) << status_;
    EXPECT_THAT(GetJob(name).warnings(), testing::Not(testing::Contains(HasSubstr("lost"))));
  }
  EXPECT_EQ(GetJob(second).state(), v1::JOB_STATE_CANCELLED);
}

TEST_F(ResultsTest, ARepairThatFailsLeavesTheFinishedJobAsItIs) {
  const std::string first = FinishedJob();
  LoseFile(Pairs(first).front().image().sha256());
  const std::string second = CreateJob(JobRequest(2)).value().name();
  const std::string worker = Register();
  coordinator_->Maintain(absl::Now() + absl::Hours(2));  // no other worker is heard
  const std::string alone = Register();
  ASSERT_EQ(ReportFailure(alone, Lease(alone).value(), true), absl::OkStatus());
  EXPECT_EQ(GetJob(second).state(), v1::JOB_STATE_FAILED);
  ExpectAllDone(first);
  EXPECT_TRUE(Pairs(first).empty());
  EXPECT_TRUE(absl::IsDataLoss(status_)) << status_;
}

TEST_F(ResultsTest, GarbageIsNoResultAndIsNotReused) {
  ASSERT_TRUE(CreateJob(JobRequest(1)).ok());
  const std::string worker = Register();
  const v1::LeaseResponse fit = LeaseFit(worker);
  auto outputs = FakeOutputs(fit.task());
  outputs["model"] = Upload("garbage").sha256();
  v1::ReportRequest report;
  report.mutable_success()->mutable_outputs()->insert(outputs.begin(), outputs.end());
  const absl::Status refused = Report(worker, fit, report);
  EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("output model: no safetensors file"));
  EXPECT_EQ(Lease(worker).value().task().key(), fit.task().key());
}

TEST_F(ResultsTest, ARerunMakesOneStageAgainAndReusesTheRest) {
  const std::string first = FinishedJob();
  EXPECT_TRUE(absl::IsInvalidArgument(Rerun(first, "fitt").status()));
  const std::string again = Rerun(first, "fit").value();
  EXPECT_NE(again, first);
  EXPECT_TRUE(absl::IsFailedPrecondition(Rerun(again).status())) << "it is not finished";
  // The same bytes come out, so what follows from them is still right.
  EXPECT_THAT(Work(Register()), ElementsAre("fit"));
  ExpectAllDone(again);
  ExpectAllDone(first);
  EXPECT_EQ(Rerun(first).value() == first, false);
}

TEST_F(ResultsTest, ARerunThatCannotBeLeavesTheResultsAsTheyAre) {
  const std::string first = FinishedJob();
  v1::DeleteDatasetRequest request;
  request.set_name("datasets/polyps");
  google::protobuf::Empty nothing;
  ASSERT_EQ(Call(*datasets_, &v1::Datasets::Stub::DeleteDataset, request, &nothing),
            absl::OkStatus());
  EXPECT_TRUE(absl::IsNotFound(Rerun(first, "generate").status()));
  EXPECT_EQ(Pairs(first).size(), 2u) << status_;
}

TEST_F(ResultsTest, DistrustFindsWhatWasDerivedInEveryJob) {
  const std::string first = FinishedJob(2, 100);
  const std::string second = FinishedJob(2, 150);  // other references: shares prepare, fit, rollout
  const auto seen = Distrust(first, "fit", true);
  ASSERT_TRUE(seen.ok()) << seen.status();
  EXPECT_THAT(seen->jobs(), UnorderedElementsAre(first, second));
  EXPECT_EQ(seen->results().at("fit"), 1);
  EXPECT_EQ(seen->results().at("align"), 2);
  EXPECT_FALSE(seen->results().contains("prepare"));
  EXPECT_EQ(seen->models_size(), 3);
  EXPECT_EQ(GetJob(second).warnings_size(), GetJob(first).warnings_size());
  EXPECT_EQ(CreateJob(JobRequest(2)).value().state(), v1::JOB_STATE_SUCCEEDED) << "only looked";

  ASSERT_TRUE(Distrust(first, "fit").ok());
  EXPECT_TRUE(Pairs(second).empty());
  EXPECT_TRUE(absl::IsFailedPrecondition(status_)) << status_;
  EXPECT_THAT(std::string(status_.message()), HasSubstr("miscalibrated"));
  EXPECT_THAT(GetJob(second).warnings(), testing::Contains(HasSubstr("were declared bad")));
  const std::string again = CreateJob(JobRequest(2)).value().name();
  EXPECT_TRUE(absl::IsFailedPrecondition(Distrust(first, "prepare").status())) << "it is in use";
  Work(Register());
  ExpectAllDone(again);
  EXPECT_EQ(Pairs(first).size(), 2u) << "the same tasks, made again";
}

TEST_F(ResultsTest, ManyResultsAreDeclaredBadInStepsAndTheCommandRepeatedDoesTheRest) {
  const std::string name = LargeJob();
  StopAfter(60);
  EXPECT_FALSE(Distrust(name, "generate").ok());
  EXPECT_EQ(CountBad(), 50) << "the first step";
  Restart();
  GoOnAgain();
  const auto repeated = Distrust(name, "generate");
  ASSERT_TRUE(repeated.ok()) << repeated.status();
  EXPECT_EQ(repeated->results().at("transfer"), 72);
  EXPECT_GE(CountBad(), 72);
  EXPECT_THAT(GetJob(name).warnings(), testing::Contains(HasSubstr("were declared bad")));
}

TEST_F(ResultsTest, ARerunOfManyShardsThatWasStoppedIsRepeated) {
  const std::string name = LargeJob();
  StopAfter(60);
  EXPECT_FALSE(Rerun(name, "generate").ok());
  EXPECT_EQ(CountBad(), 50) << "the first step";
  Restart();
  GoOnAgain();
  const absl::StatusOr<std::string> again = Rerun(name, "generate");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(Work(Register()).size(), 72u);
  coordinator_->Maintain(absl::Now());
  ExpectAllDone(*again);
  EXPECT_EQ(CountBad(), 0);
}

TEST_F(ResultsTest, AJobThatHasTakenAResultWaitsWhileItIsMadeAgainForAnother) {
  FinishedJob();
  // Both share what was prepared; each trains a model of its own.
  v1::CreateJobRequest request = JobRequest(2);
  Set(request, "seed", "1");
  const std::string waiting = CreateJob(request).value().name();
  const std::string worker = Register();
  const v1::LeaseResponse fit = Lease(worker).value();
  ASSERT_EQ(fit.task().kind(), "fit");
  LoseFile(fit.task().inputs().at("source"));
  Set(request, "seed", "2");
  const std::string repairing = CreateJob(request).value().name();
  EXPECT_EQ(StageOf(GetJob(waiting), "prepare").tasks_done(), 0);
  EXPECT_EQ(StageOf(GetJob(waiting), "prepare").state(), v1::STAGE_STATE_QUEUED);

  ASSERT_EQ(ReportSuccess(worker, fit), absl::OkStatus());
  const v1::LeaseResponse next = Lease(worker).value();
  EXPECT_EQ(next.task().kind(), "prepare") << "the rollout reads what it prepares";
  ASSERT_TRUE(CancelJob(repairing).ok());
  EXPECT_FALSE(Heartbeat(worker, next).value()) << "the other job wants it as well";
  ASSERT_EQ(ReportSuccess(worker, next), absl::OkStatus());
  Work(worker);
  ExpectAllDone(waiting);
}

// A worker that takes part finds files gone, and says so.
class LostInputsTest : public ResultsTest {
 protected:
  // Does what comes before the first task of the kind, and leases that.
  v1::LeaseResponse LeaseOf(const std::string& worker, const std::string& kind) {
    for (;;) {
      v1::LeaseResponse lease = Lease(worker).value();
      if (!lease.has_task() || lease.task().kind() == kind) return lease;
      const absl::Status reported = ReportSuccess(worker, lease);
      EXPECT_EQ(reported, absl::OkStatus());
      if (!reported.ok()) return {};
    }
  }
  absl::Status ReportMissing(const std::string& worker, const v1::LeaseResponse& lease,
                             const std::string& blob) {
    v1::ReportRequest request;
    request.mutable_failure()->set_message("blob " + blob + " is damaged");
    request.mutable_failure()->set_missing_sha256(blob);
    return Report(worker, lease, request);
  }
};

TEST_F(LostInputsTest, WhatMadeALostInputIsComputedAgainAndTheJobGoesOn) {
  const std::string job = CreateJob(JobRequest(2)).value().name();
  const std::string worker = Register();
  const v1::LeaseResponse generate = LeaseOf(worker, "generate");
  ASSERT_TRUE(generate.has_task());
  const std::string model = generate.task().inputs().at("model");
  LoseFile(model);
  ASSERT_EQ(ReportMissing(worker, generate, model), absl::OkStatus());
  ASSERT_EQ(ReportMissing(worker, generate, model), absl::OkStatus()) << "repeated";
  EXPECT_EQ(LeaseEnds(GetJob(job), "generate", "input lost"), 1);
  EXPECT_EQ(GetJob(job).state(), v1::JOB_STATE_RUNNING);

  const v1::LeaseResponse maker = Lease(worker).value();
  ASSERT_EQ(maker.task().kind(), "align") << "the one that waits is not leased";
  const std::string idle = Register();
  for (v1::LeaseResponse other; (other = Lease(idle).value()).has_task();) {
    EXPECT_NE(other.task().key(), generate.task().key());
    ASSERT_EQ(ReportSuccess(idle, other), absl::OkStatus());
  }
  ASSERT_EQ(ReportSuccess(worker, maker), absl::OkStatus());
  Restart();
  const std::string next = Register();
  const v1::LeaseResponse again = Lease(next).value();
  EXPECT_EQ(again.task().key(), generate.task().key());
  ASSERT_EQ(ReportSuccess(next, again), absl::OkStatus());
  Work(next);
  ExpectAllDone(job);
  EXPECT_EQ(Pairs(job).size(), 2);
  EXPECT_EQ(status_, absl::OkStatus());
  EXPECT_EQ(LeaseEnds(GetJob(job), "generate", "failed"), 0);
}

TEST_F(LostInputsTest, APictureOfAPairIsAnInputOfWhatReadsThePairs) {
  v1::CreateJobRequest request = JobRequest(2);
  Set(request, "gates.enabled", "on");
  const std::string job = CreateJob(request).value().name();
  const std::string worker = Register();
  const v1::LeaseResponse figures = LeaseOf(worker, "figures");
  ASSERT_TRUE(figures.has_task());
  const std::string picture = Pairs(job).front().image().sha256();
  LoseFile(picture);
  ASSERT_EQ(ReportMissing(worker, figures, picture), absl::OkStatus());
  const v1::LeaseResponse maker = Lease(worker).value();
  ASSERT_EQ(maker.task().kind(), "generate");
  ASSERT_EQ(ReportSuccess(worker, maker), absl::OkStatus());
  Work(worker);
  ExpectAllDone(job);
}

TEST_F(LostInputsTest, WhatIsThereOrWasUploadedIsAFailure) {
  const std::string job = CreateJob(JobRequest(2)).value().name();
  const std::string worker = Register();
  v1::LeaseResponse lease = Lease(worker).value();
  ASSERT_EQ(lease.task().kind(), "prepare");
  const std::string dataset = lease.task().inputs().at("dataset");
  ASSERT_EQ(ReportMissing(worker, lease, dataset), absl::OkStatus()) << "it is there";
  lease = Lease(worker).value();
  LoseFile(dataset);
  ASSERT_EQ(ReportMissing(worker, lease, dataset), absl::OkStatus()) << "nothing makes it again";
  lease = Lease(worker).value();
  ASSERT_EQ(ReportMissing(worker, lease, "../../etc/passwd"), absl::OkStatus());
  EXPECT_EQ(GetJob(job).state(), v1::JOB_STATE_FAILED);
  EXPECT_EQ(LeaseEnds(GetJob(job), "prepare", "failed"), 3);
}

TEST_F(LostInputsTest, ADiskThatLosesAFileAgainAndAgainEndsTheJob) {
  const std::string job = CreateJob(JobRequest(2)).value().name();
  const std::string worker = Register();
  for (int i = 0; i < 100 && GetJob(job).state() != v1::JOB_STATE_FAILED; ++i) {
    const v1::LeaseResponse generate = LeaseOf(worker, "generate");
    ASSERT_TRUE(generate.has_task());
    const std::string model = generate.task().inputs().at("model");
    LoseFile(model);
    ASSERT_EQ(ReportMissing(worker, generate, model), absl::OkStatus());
  }
  EXPECT_EQ(GetJob(job).state(), v1::JOB_STATE_FAILED);
  EXPECT_THAT(GetJob(job).error(), HasSubstr("20 times in a row; see to the coordinator's disk"));
}

}  // namespace
}  // namespace alignflow
