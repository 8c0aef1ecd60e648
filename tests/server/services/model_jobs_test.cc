#include <nlohmann/json.hpp>
#include <string>

#include "common/data/motfm_config.h"
#include "google/protobuf/util/message_differencer.h"
#include "tests/server/coordinator_fixture.h"

namespace alignflow {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// Jobs that make a model alone, and jobs that begin with one.
class ModelJobsTest : public CoordinatorTest {
 protected:
  v1::CreateJobRequest FitRequest() {
    v1::CreateJobRequest request = JobRequest(1);
    request.mutable_spec()->clear_references();
    request.mutable_spec()->clear_settings();
    request.mutable_spec()->set_pairs(0);
    request.mutable_spec()->set_kind(v1::JOB_KIND_FIT);
    return request;
  }
  v1::CreateJobRequest GenerateRequest(const std::string& model, int pairs = 3) {
    v1::CreateJobRequest request;
    request.mutable_spec()->set_kind(v1::JOB_KIND_GENERATE);
    request.mutable_spec()->set_model(model);
    request.mutable_spec()->set_pairs(pairs);
    Set(request, "gates.enabled", "off");
    return request;
  }
  std::string FittedModel() {
    const std::string job = CreateJob(FitRequest()).value().name();
    Work(worker_);
    return GetJob(job).stage1_model();
  }
  // The job that made a model of stage 2, done.
  v1::Job AlignedJob(int pairs = 3) {
    const std::string job = CreateJob(JobRequest(pairs)).value().name();
    Work(worker_);
    return GetJob(job);
  }
  std::string Refusal(const v1::CreateJobRequest& request,
                      absl::StatusCode code = absl::StatusCode::kInvalidArgument) {
    const absl::Status status = CreateJob(request).status();
    EXPECT_EQ(status.code(), code) << status;
    return std::string(status.message());
  }
  absl::Status DeleteModel(const std::string& name) {
    v1::DeleteModelRequest request;
    request.set_name(name);
    google::protobuf::Empty empty;
    return Call(*models_, &v1::Models::Stub::DeleteModel, request, &empty);
  }
  absl::Status DeleteJob(const std::string& name) {
    v1::DeleteJobRequest request;
    request.set_name(name);
    google::protobuf::Empty empty;
    return Call(*jobs_, &v1::Jobs::Stub::DeleteJob, request, &empty);
  }
  absl::StatusOr<v1::Job> Rerun(const std::string& name, const std::string& stage = "") {
    v1::RerunJobRequest request;
    request.set_name(name);
    request.set_stage(stage);
    v1::Job job;
    absl::Status status = Call(*jobs_, &v1::Jobs::Stub::RerunJob, request, &job);
    if (!status.ok()) return status;
    return job;
  }
  absl::StatusOr<v1::Report> ReportOf(const std::string& name) {
    v1::GetReportRequest request;
    request.set_name(name);
    v1::Report report;
    absl::Status status = Call(*jobs_, &v1::Jobs::Stub::GetReport, request, &report);
    if (!status.ok()) return status;
    return report;
  }

  std::string worker_;
  void SetUp() override {
    CoordinatorTest::SetUp();
    worker_ = Register();
  }
};

TEST_F(ModelJobsTest, AFittingJobEndsWithAModelAndItsCurve) {
  const v1::Job queued = CreateJob(FitRequest()).value();
  EXPECT_EQ(queued.spec().kind(), v1::JOB_KIND_FIT);
  EXPECT_TRUE(absl::IsFailedPrecondition(ReportOf(queued.name()).status()));
  EXPECT_THAT(Work(worker_), ElementsAre("prepare", "fit"));
  const v1::Job job = GetJob(queued.name());
  EXPECT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_NE(job.stage1_model(), "");
  EXPECT_EQ(job.stages_size(), 2);
  absl::Status status;
  EXPECT_TRUE(PairsOf(job.name(), 0, &status).empty());
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  const v1::Report report = ReportOf(job.name()).value();
  EXPECT_EQ(report.figures_size(), 0);
  ASSERT_EQ(report.artifacts_size(), 1);
  EXPECT_EQ(report.artifacts(0).name(), "fit-curve.json");
}

TEST_F(ModelJobsTest, AnAlignmentTakesTheFittedModel) {
  FittedModel();
  CreateJob(JobRequest(1)).value();
  EXPECT_THAT(Work(worker_), Not(Contains("fit")));
}

TEST_F(ModelJobsTest, AFittedModelMakesPairsAgainAndAgain) {
  const std::string model = FittedModel();
  const v1::Job job = CreateJob(GenerateRequest(model, 40)).value();
  EXPECT_EQ(job.spec().model(), model);
  EXPECT_EQ(job.spec().source(), "datasets/polyps");
  EXPECT_EQ(job.spec().preset(), "unet-64");
  EXPECT_EQ(job.spec().settings().at("method"), "controlnet-fm");
  EXPECT_EQ(StageOf(job, "fit").state(), v1::STAGE_STATE_REUSED);
  EXPECT_EQ(job.stage1_model(), model);
  EXPECT_THAT(Work(worker_), ElementsAre("describe", "generate", "generate", "figures"));
  EXPECT_EQ(GetJob(job.name()).state(), v1::JOB_STATE_SUCCEEDED);
  absl::Status status;
  EXPECT_EQ(PairsOf(job.name(), 0, &status).size(), 40u);
  EXPECT_EQ(status, absl::OkStatus());

  v1::CreateJobRequest other = GenerateRequest(model, 3);
  Set(other, "generate.steps", "7");
  CreateJob(other).value();
  EXPECT_THAT(Work(worker_), ElementsAre("generate", "figures"));
}

TEST_F(ModelJobsTest, AnAlignedModelBringsItsReferencesAndMakesTheSamePairs) {
  const v1::Job made = AlignedJob();
  v1::CreateJobRequest request = GenerateRequest(made.stage2_model());
  Set(request, "evaluate.segmenter", "none");
  const v1::Job job = CreateJob(request).value();
  EXPECT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED) << "every result is there";
  EXPECT_EQ(job.spec().references_size(), 2);
  EXPECT_EQ(job.stage2_model(), made.stage2_model());
  for (const v1::Stage& stage : job.stages()) {
    EXPECT_EQ(stage.state(), v1::STAGE_STATE_REUSED) << stage.id();
    EXPECT_NE(stage.id(), "rollout");
  }
  absl::Status status;
  const std::vector<v1::Pair> first = PairsOf(made.name(), 0, &status);
  const std::vector<v1::Pair> again = PairsOf(job.name(), 0, &status);
  ASSERT_EQ(again.size(), first.size());
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(again[i].image().sha256(), first[i].image().sha256());
  }
}

TEST_F(ModelJobsTest, WhatTheModelIsMadeOfOutlivesTheJobThatMadeIt) {
  const v1::Job made = AlignedJob();
  v1::CreateJobRequest request = GenerateRequest(made.stage2_model(), 5);
  const v1::Job job = CreateJob(request).value();
  EXPECT_TRUE(absl::IsFailedPrecondition(DeleteModel(made.stage2_model()))) << "it is in use";
  Work(worker_);
  ASSERT_EQ(DeleteJob(made.name()), absl::OkStatus());
  coordinator_->Maintain(absl::Now());
  ASSERT_TRUE(coordinator_->CollectGarbage(-absl::Minutes(1), absl::Now()).ok());
  request = GenerateRequest(made.stage2_model(), 70);
  const v1::Job next = CreateJob(request).value();
  Work(worker_);
  EXPECT_EQ(GetJob(next.name()).state(), v1::JOB_STATE_SUCCEEDED) << GetJob(next.name()).error();
  for (const v1::ReferenceImage& reference : next.spec().references()) {
    EXPECT_TRUE(blobs_->DownloadBytes(reference.image().sha256()).ok()) << reference.stem();
  }
  ASSERT_EQ(DeleteJob(job.name()), absl::OkStatus());
  ASSERT_EQ(DeleteJob(next.name()), absl::OkStatus());
  coordinator_->Maintain(absl::Now());
  EXPECT_THAT(Refusal(request, absl::StatusCode::kNotFound), HasSubstr("spec.model"));
}

TEST_F(ModelJobsTest, ADeletedModelIsNoBeginning) {
  const v1::Job made = AlignedJob();
  ASSERT_EQ(DeleteModel(made.stage1_model()), absl::OkStatus());
  EXPECT_THAT(Refusal(GenerateRequest(made.stage1_model()), absl::StatusCode::kNotFound),
              HasSubstr("spec.model: there is no " + made.stage1_model()));
  EXPECT_THAT(
      Refusal(GenerateRequest(made.stage2_model(), 9), absl::StatusCode::kFailedPrecondition),
      HasSubstr("the stage-1 model of " + made.stage2_model()));
  CreateJob(JobRequest(9)).value();
  Work(worker_);
  EXPECT_TRUE(CreateJob(GenerateRequest(made.stage2_model(), 9)).ok()) << "it was made anew";
}

TEST_F(ModelJobsTest, ADistrustedModelIsNoBeginning) {
  const v1::Job made = AlignedJob();
  v1::DistrustResultsRequest request;
  request.set_name(made.name());
  request.set_stage("align");
  request.set_reason("wrong references");
  v1::DistrustResultsResponse response;
  ASSERT_EQ(Call(*jobs_, &v1::Jobs::Stub::DistrustResults, request, &response), absl::OkStatus());
  EXPECT_THAT(Refusal(GenerateRequest(made.stage2_model()), absl::StatusCode::kFailedPrecondition),
              HasSubstr("was declared bad (wrong references)"));
}

TEST_F(ModelJobsTest, RerunsKeepWhatTheyBeginWith) {
  const std::string model = FittedModel();
  const v1::Job job = CreateJob(GenerateRequest(model)).value();
  Work(worker_);
  EXPECT_THAT(std::string(Rerun(job.name(), "fit").status().message()),
              HasSubstr("what made " + model));
  const v1::Job again = Rerun(job.name(), "generate").value();
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(again.spec(), job.spec()));
  EXPECT_THAT(Work(worker_), ElementsAre("generate"));
  EXPECT_EQ(GetJob(again.name()).state(), v1::JOB_STATE_SUCCEEDED);
}

TEST_F(ModelJobsTest, MasksMayBeThoseOfAnotherDataset) {
  const std::string model = FittedModel();
  ASSERT_EQ(CreateDataset("others", ManifestOf(4, 50)), absl::OkStatus());
  v1::CreateJobRequest request = GenerateRequest(model);
  request.mutable_spec()->set_masks("datasets/others");
  const v1::Job job = CreateJob(request).value();
  EXPECT_EQ(job.spec().masks(), "datasets/others");
  EXPECT_EQ(StageOf(job, "prepare").tasks_total(), 2);
  v1::DeleteDatasetRequest deletion;
  deletion.set_name("datasets/others");
  google::protobuf::Empty empty;
  EXPECT_TRUE(absl::IsFailedPrecondition(
      Call(*datasets_, &v1::Datasets::Stub::DeleteDataset, deletion, &empty)));
  Work(worker_);
  absl::Status status;
  const std::vector<v1::Pair> pairs = PairsOf(job.name(), 0, &status);
  ASSERT_EQ(pairs.size(), 3u) << status;
  const auto record = nlohmann::json::parse(pairs[0].record_json());
  EXPECT_NE(record.at("masks_digest"), record.at("source_digest"));

  request.mutable_spec()->set_masks("datasets/polyps");
  EXPECT_EQ(CreateJob(request).value().spec().masks(), "") << "they are the source's own";
}

TEST_F(ModelJobsTest, MasksOfOtherLabelsAreRefused) {
  const std::string model = FittedModel();
  v1::Manifest other = ManifestOf(2, 60);
  other.mutable_labels(0)->set_name("adenoma");
  ASSERT_EQ(CreateDataset("others", other), absl::OkStatus());
  v1::CreateJobRequest request = GenerateRequest(model);
  request.mutable_spec()->set_masks("datasets/others");
  EXPECT_THAT(Refusal(request), HasSubstr("spec.masks: the labels of datasets/others are adenoma"));
  request.mutable_spec()->set_masks("datasets/none");
  EXPECT_THAT(Refusal(request, absl::StatusCode::kNotFound), HasSubstr("spec.masks"));
}

TEST_F(ModelJobsTest, ASourceThatIsGoneIsToBePushedAgain) {
  const std::string model = FittedModel();
  v1::DeleteDatasetRequest deletion;
  deletion.set_name("datasets/polyps");
  google::protobuf::Empty empty;
  ASSERT_EQ(Call(*datasets_, &v1::Datasets::Stub::DeleteDataset, deletion, &empty),
            absl::OkStatus());
  EXPECT_THAT(Refusal(GenerateRequest(model), absl::StatusCode::kNotFound),
              HasSubstr("push it again"));
  ASSERT_EQ(CreateDataset("under-another-name", ManifestOf(3)), absl::OkStatus());
  EXPECT_EQ(CreateJob(GenerateRequest(model)).value().spec().source(),
            "datasets/under-another-name");
}

// A job that makes a model of an uploaded file.
class ImportedModelTest : public ModelJobsTest {
 protected:
  static std::string Weights(const std::string& config = R"({"model_args":{}})") {
    return FakeSafetensors({{"unet.x", {"F32", {2}}}}, {{kMotfmConfig, config}});
  }
  v1::CreateJobRequest ImportRequest(const std::string& bytes = Weights()) {
    v1::CreateJobRequest request = FitRequest();
    weights_ = Upload(bytes).sha256();
    request.mutable_spec()->set_model("blobs/" + weights_);
    request.mutable_spec()->set_preset("motfm");
    Set(request, "size", "128");
    Set(request, "generate.steps", "7");
    return request;
  }
  std::string weights_;
};

TEST_F(ImportedModelTest, AFileOfWeightsBecomesAModelThatMakesPairs) {
  const v1::Job queued = CreateJob(ImportRequest()).value();
  EXPECT_EQ(queued.spec().model(), "blobs/" + weights_);
  EXPECT_EQ(queued.spec().references_size(), 0);
  EXPECT_THAT(Work(worker_), ElementsAre("prepare", "fit"));
  const std::string model = GetJob(queued.name()).stage1_model();
  ASSERT_NE(model, "");
  const v1::Job job = CreateJob(GenerateRequest(model)).value();
  EXPECT_EQ(job.spec().preset(), "motfm");
  EXPECT_EQ(job.spec().settings().at("size"), "128");
  EXPECT_EQ(job.spec().settings().at("generate.steps"), "7") << "as the model came with";
  EXPECT_EQ(job.spec().settings().at("framing"), "none");
  Work(worker_);
  EXPECT_EQ(GetJob(job.name()).state(), v1::JOB_STATE_SUCCEEDED) << GetJob(job.name()).error();
}

TEST_F(ImportedModelTest, TheFileIsKeptAsLongAsItsJob) {
  const v1::Job job = CreateJob(ImportRequest()).value();
  ASSERT_TRUE(coordinator_->CollectGarbage(-absl::Minutes(1), absl::Now()).ok());
  EXPECT_TRUE(blobs_->DownloadBytes(weights_).ok());
  Work(worker_);
  const v1::Job again = Rerun(job.name(), "fit").value();
  EXPECT_EQ(again.spec().model(), job.spec().model());
  EXPECT_THAT(Work(worker_), ElementsAre("fit"));
  ASSERT_EQ(DeleteJob(job.name()), absl::OkStatus());
  ASSERT_EQ(DeleteJob(again.name()), absl::OkStatus());
  coordinator_->Maintain(absl::Now());
  ASSERT_TRUE(coordinator_->CollectGarbage(-absl::Minutes(1), absl::Now()).ok());
  EXPECT_FALSE(blobs_->DownloadBytes(weights_).ok());
}

TEST_F(ImportedModelTest, WhatIsNoFileOfWeightsIsRefused) {
  EXPECT_THAT(Refusal(ImportRequest("garbage")), HasSubstr("spec.model: no safetensors file"));
  EXPECT_THAT(Refusal(ImportRequest(FakeSafetensors({}, {}))), HasSubstr("no tensors"));
  EXPECT_THAT(Refusal(ImportRequest(Weights("[]"))), HasSubstr("afctl model import"));
  v1::CreateJobRequest request = ImportRequest();
  request.mutable_spec()->set_model("blobs/" + std::string(64, 'a'));
  EXPECT_THAT(Refusal(request, absl::StatusCode::kFailedPrecondition),
              HasSubstr("has not been written"));
  request.mutable_spec()->set_model("blobs/x");
  EXPECT_THAT(Refusal(request), HasSubstr("spec.model: 'blobs/x'"));
}

TEST_F(ImportedModelTest, ItsPresetIsForImportedModelsAndTheyHaveNoTraining) {
  v1::CreateJobRequest request = ImportRequest();
  request.mutable_spec()->set_preset("unet-128");
  request.mutable_spec()->clear_settings();
  EXPECT_THAT(Refusal(request), HasSubstr("give motfm"));
  request = ImportRequest();
  Set(request, "fit.iterations", "5");
  EXPECT_THAT(Refusal(request), HasSubstr("setting fit.iterations"));
  request = ImportRequest();
  request.mutable_spec()->clear_model();
  EXPECT_THAT(Refusal(request), HasSubstr("afctl model import"));
  request = JobRequest(1);
  request.mutable_spec()->clear_settings();
  request.mutable_spec()->set_preset("motfm");
  EXPECT_THAT(Refusal(request), HasSubstr("afctl model import"));
}

TEST_F(ModelJobsTest, FieldsThatSayNothingToAKindAreRefused) {
  const std::string model = FittedModel();
  v1::CreateJobRequest fit = FitRequest();
  fit.mutable_spec()->set_pairs(2);
  EXPECT_THAT(Refusal(fit), HasSubstr("spec.pairs"));
  fit = FitRequest();
  fit.mutable_spec()->set_target("datasets/polyps");
  EXPECT_THAT(Refusal(fit), HasSubstr("spec.target"));
  fit = FitRequest();
  fit.mutable_spec()->set_model(model);
  EXPECT_THAT(Refusal(fit), HasSubstr("spec.model"));
  fit = FitRequest();
  Set(fit, "generate.steps", "3");
  EXPECT_THAT(Refusal(fit), HasSubstr("spec.settings: setting generate.steps"));
  v1::CreateJobRequest generate = GenerateRequest(model);
  generate.mutable_spec()->set_source("datasets/polyps");
  EXPECT_THAT(Refusal(generate), HasSubstr("spec.source"));
  generate = GenerateRequest(model);
  *generate.mutable_spec()->mutable_references() = JobRequest(1).spec().references();
  EXPECT_THAT(Refusal(generate), HasSubstr("spec.references"));
  generate = GenerateRequest(model);
  generate.mutable_spec()->set_preset("unet-128");
  EXPECT_THAT(Refusal(generate), HasSubstr("is of the preset unet-64"));
  EXPECT_THAT(Refusal(GenerateRequest(model, 0)), HasSubstr("spec.pairs"));
  v1::CreateJobRequest align = JobRequest(1);
  align.mutable_spec()->set_masks("datasets/polyps");
  EXPECT_THAT(Refusal(align), HasSubstr("spec.masks"));
  align.mutable_spec()->set_kind(static_cast<v1::JobKind>(9));
  EXPECT_THAT(Refusal(align), HasSubstr("spec.kind"));
}

}  // namespace
}  // namespace alignflow
