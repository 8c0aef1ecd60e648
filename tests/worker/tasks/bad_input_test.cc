#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <opencv2/imgproc.hpp>

#include "tests/worker/tasks/task_fixture.h"

namespace alignflow {
namespace {

using ::testing::HasSubstr;

// Bad input is found before the first training step, named, and never retried.
class BadInputTest : public TaskFixture {
 protected:
  BadInputTest() {
    manifest_ = *ParseManifest(blobs_->Read(PutPhantoms(PhantomDomain::kSource, 3, true)));
  }

  static TaskSpec Prepare(const std::string& manifest) {
    return {.kind = "prepare", .settings = {{"size", "64"}}, .inputs = {{"dataset", manifest}}};
  }

  std::string ErrorOfPrepare() {
    const auto context = NewContext();
    const auto outputs = RunTask(Prepare(blobs_->Put(*WriteManifest(manifest_))), *context);
    EXPECT_EQ(outputs.status().code(), absl::StatusCode::kInvalidArgument) << outputs.status();
    for (const TaskProgress& report : context->reports) EXPECT_EQ(report.step, 0);
    EXPECT_TRUE(std::filesystem::is_empty(context->scratch())) << "nothing is left half written";
    return std::string(outputs.status().message());
  }

  // Of the first task that trains on the prepared set.
  std::string ErrorOfFit() {
    const TaskSpec fit = Spec("fit", {{"source", blobs_->Put(*WriteManifest(manifest_))}});
    const auto context = NewContext();
    const auto outputs = RunTask(fit, *context);
    EXPECT_EQ(outputs.status().code(), absl::StatusCode::kInvalidArgument) << outputs.status();
    for (const TaskProgress& report : context->reports) EXPECT_EQ(report.step, 0);
    return std::string(outputs.status().message());
  }

  DatasetManifest manifest_;
};

TEST_F(BadInputTest, ATruncatedImageIsRefusedByName) {
  const std::string bytes = blobs_->Read(manifest_.items[2].image);
  manifest_.items[2].image = blobs_->Put(bytes.substr(0, bytes.size() / 2));
  EXPECT_THAT(ErrorOfPrepare(), HasSubstr("item-102"));
}

TEST_F(BadInputTest, AStrayMaskValueIsRefusedByName) {
  cv::Mat mask = *DecodeMask(blobs_->Read(manifest_.items[1].mask), "mask");
  mask.at<uint8_t>(3, 3) = 77;
  manifest_.items[1].mask = blobs_->Put(*EncodePng(mask));
  const std::string error = ErrorOfPrepare();
  EXPECT_THAT(error, HasSubstr("item-101"));
  EXPECT_THAT(error, HasSubstr("77"));
}

TEST_F(BadInputTest, AMaskOfAnotherSizeIsRefusedByName) {
  manifest_.items[0].mask = blobs_->Put(*EncodePng(cv::Mat(32, 32, CV_8U, cv::Scalar(0))));
  const std::string error = ErrorOfPrepare();
  EXPECT_THAT(error, HasSubstr("item-100"));
  EXPECT_THAT(error, HasSubstr("32x32"));
}

TEST_F(BadInputTest, MasksOfNothingAreRefused) {
  for (DatasetItem& item : manifest_.items) {
    item.mask = blobs_->Put(*EncodePng(cv::Mat(64, 64, CV_8U, cv::Scalar(0))));
  }
  EXPECT_THAT(ErrorOfFit(), HasSubstr("none of its 3 masks shows anything but background"));
}

TEST_F(BadInputTest, LesionsThatVanishAtThePresetsSizeAreRefusedWhateverTheClientSaid) {
  for (DatasetItem& item : manifest_.items) {
    cv::Mat image, mask(640, 640, CV_8U, cv::Scalar(0));
    cv::resize(*DecodeImage(blobs_->Read(item.image), "image"), image, mask.size());
    for (int i = 0; i < 30; ++i) mask(cv::Rect(21 + 20 * i, 21 + 19 * i, 3, 1)).setTo(255);
    item.image = blobs_->Put(*EncodePng(image));
    item.mask = blobs_->Put(*EncodePng(mask));
    item.width = item.height = 640;
  }
  const std::string error = ErrorOfFit();
  EXPECT_THAT(error, HasSubstr("of 90 polyp structures 90 vanish at 64 px; with --preset "));
}

TEST_F(BadInputTest, CopiesOfOneImageAreRefusedBeforeStage1) {
  for (DatasetItem& item : manifest_.items) item.image = manifest_.items[0].image;
  EXPECT_THAT(ErrorOfFit(), HasSubstr("1 different source image"));
}

TEST_F(BadInputTest, EveryDamagedItemIsNamedNotTheFirstAlone) {
  manifest_.items[0].mask = blobs_->Put(*EncodePng(cv::Mat(32, 32, CV_8U, cv::Scalar(0))));
  manifest_.items[2].image = blobs_->Put("no image");
  const std::string error = ErrorOfPrepare();
  EXPECT_THAT(error, HasSubstr("2 of 3 items cannot be used"));
  EXPECT_THAT(error, HasSubstr("item-100"));
  EXPECT_THAT(error, HasSubstr("item-102"));
  EXPECT_THAT(error, ::testing::Not(HasSubstr("item-101")));
}

TEST_F(BadInputTest, ManyDamagedItemsAreCounted) {
  manifest_ = *ParseManifest(blobs_->Read(PutPhantoms(PhantomDomain::kSource, 25, true)));
  for (DatasetItem& item : manifest_.items) item.image = blobs_->Put("no image");
  const std::string error = ErrorOfPrepare();
  EXPECT_THAT(error, HasSubstr("25 of 25 items"));
  EXPECT_THAT(error, HasSubstr("and 5 more"));
}

TEST_F(BadInputTest, WhatIsNoManifestIsRefused) {
  const auto context = NewContext();
  const auto outputs = RunTask(Prepare(blobs_->Put("{}")), *context);
  EXPECT_EQ(outputs.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(BadInputTest, AMissingBlobIsTheContextsError) {
  const auto context = NewContext();
  const auto outputs = RunTask(Prepare(std::string(64, '0')), *context);
  EXPECT_EQ(outputs.status().code(), absl::StatusCode::kNotFound);
}

TEST_F(BadInputTest, SpecsOfAnotherVersionAreRefused) {
  const auto context = NewContext();
  EXPECT_EQ(RunTask({.kind = "paint", .settings = {}, .inputs = {}}, *context).status().code(),
            absl::StatusCode::kInvalidArgument);
  TaskSpec spec = Spec("fit", {{"source", blobs_->Put(*WriteManifest(manifest_))}});
  spec.settings.erase("fit.batch");
  const auto outputs = RunTask(spec, *context);
  EXPECT_THAT(std::string(outputs.status().message()), HasSubstr("fit.batch"));
  EXPECT_EQ(outputs.status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace alignflow
