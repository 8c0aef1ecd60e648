#include <functional>
#include <string>

#include "tests/server/coordinator_fixture.h"

namespace alignflow {
namespace {

using testing::HasSubstr;

// What CreateJob says of a job before anything is computed.
class JobSubmissionTest : public CoordinatorTest {
 protected:
  void ExpectRefused(const std::function<void(v1::CreateJobRequest&)>& spoil,
                     const std::string& message,
                     absl::StatusCode code = absl::StatusCode::kInvalidArgument) {
    v1::CreateJobRequest request = JobRequest(1);
    spoil(request);
    const absl::Status status = CreateJob(request).status();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
    EXPECT_TRUE(CreateJob(JobRequest(1)).ok()) << "the service lives on";
  }
};

TEST_F(JobSubmissionTest, ASingleReferenceIsAWarning) {
  const v1::Job job = CreateJob(JobRequest(1, 1)).value();
  ASSERT_EQ(job.warnings_size(), 1);
  EXPECT_THAT(job.warnings(0), HasSubstr("a single reference may bias the result"));
}

TEST_F(JobSubmissionTest, RefusesAJobWithoutReferences) {
  ExpectRefused([](auto& request) { request.mutable_spec()->clear_references(); },
                "spec.references");
}

TEST_F(JobSubmissionTest, NamesTheNearestSettingAndPreset) {
  ExpectRefused(
      [](auto& request) { (*request.mutable_spec()->mutable_settings())["fit.iteration"] = "1"; },
      "fit.iterations");
  ExpectRefused([](auto& request) { request.mutable_spec()->set_preset("unet-65"); }, "unet-64");
  ExpectRefused(
      [](auto& request) {
        (*request.mutable_spec()->mutable_settings())["align.start_index"] = "20";
      },
      "0 to 19");
}

TEST_F(JobSubmissionTest, RefusesNumbersOutOfRange) {
  ExpectRefused([](auto& request) { request.mutable_spec()->set_pairs(0); }, "spec.pairs");
  ExpectRefused([](auto& request) { request.mutable_spec()->set_pairs(1000001); }, "spec.pairs");
  ExpectRefused([](auto& request) { request.set_request_id(std::string(129, 'x')); }, "request_id");
}

TEST_F(JobSubmissionTest, RefusesMoreReferencesToLearnFromThanAreGiven) {
  ExpectRefused([](auto& request) { Set(request, "align.references", "5"); },
                "align.references is 5, but only 2 references are given");
}

TEST_F(JobSubmissionTest, RefusesNewMasksForColourTransfer) {
  ExpectRefused(
      [](auto& request) {
        Set(request, "method", "fda");
        Set(request, "masks.kind", "both");
      },
      "masks.kind");
}

TEST_F(JobSubmissionTest, RefusesFramingAloneWithoutFrames) {
  ExpectRefused(
      [](auto& request) {
        Set(request, "method", "framing");
        Set(request, "framing", "none");
      },
      "framing can't be none");
}

TEST_F(JobSubmissionTest, RefusesToEvaluateOnATargetOfOtherClasses) {
  v1::Manifest other = ManifestOf(2, 60);
  other.mutable_labels(0)->set_name("adenoma");
  ASSERT_EQ(CreateDataset("target", other), absl::OkStatus());
  const auto with_target = [](v1::CreateJobRequest& request) {
    request.mutable_spec()->set_target("datasets/target");
  };
  ExpectRefused(
      [&](auto& request) {
        with_target(request);
        Set(request, "evaluate.segmenter", "unet");
      },
      "spec.target: datasets/target has the classes adenoma, but datasets/polyps has polyp");
  v1::CreateJobRequest request = JobRequest(1);
  with_target(request);
  EXPECT_TRUE(CreateJob(request).ok()) << "without an evaluation labels do not matter";
}

TEST_F(JobSubmissionTest, EvaluatesOnATargetWithTheSameClassesInOtherValuesOrColours) {
  v1::Manifest values = ManifestOf(2, 60), colours = ManifestOf(2, 70);
  values.mutable_labels(0)->set_value(0);
  values.set_background(255);
  colours.mutable_labels(0)->clear_value();
  colours.mutable_labels(0)->set_colour("#ff0000");
  colours.set_background_colour("#000000");
  const std::map<std::string, v1::Manifest> targets{{"values", values}, {"colours", colours}};
  for (const auto& [id, manifest] : targets) {
    ASSERT_EQ(CreateDataset(id, manifest), absl::OkStatus());
    v1::CreateJobRequest request = JobRequest(1);
    request.mutable_spec()->set_target("datasets/" + id);
    Set(request, "evaluate.segmenter", "unet");
    EXPECT_EQ(CreateJob(request).status(), absl::OkStatus()) << id;
  }
}

TEST_F(JobSubmissionTest, RefusesDatasetsThatAreNotThere) {
  ExpectRefused([](auto& request) { request.mutable_spec()->set_source("datasets/no"); },
                "spec.source", absl::StatusCode::kNotFound);
  ExpectRefused([](auto& request) { request.mutable_spec()->set_target("datasets/no"); },
                "spec.target", absl::StatusCode::kNotFound);
  ExpectRefused([](auto& request) { request.mutable_spec()->set_source("datasets/../x"); },
                "spec.source");
}

TEST_F(JobSubmissionTest, RefusesReferencesThatCannotBeUsed) {
  const auto first = [](v1::CreateJobRequest& request) {
    return request.mutable_spec()->mutable_references(0);
  };
  ExpectRefused([&](auto& request) { first(request)->set_stem("../x"); },
                "spec.references[0].stem");
  ExpectRefused([&](auto& request) { first(request)->set_stem("ref-1"); },
                "'ref-1' is there twice");
  ExpectRefused([&](auto& request) { *first(request)->mutable_image() = Upload("no image"); },
                "spec.references[0] 'ref-0', image");
  ExpectRefused(
      [&](auto& request) { first(request)->mutable_image()->set_sha256(std::string(64, '0')); },
      "has not been written", absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace alignflow
