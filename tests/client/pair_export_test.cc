#include <gtest/gtest.h>

#include <opencv2/core.hpp>

#include "client/coco_index.h"
#include "client/pair_format.h"
#include "tests/client/fake_coordinator.h"
#include "worker/data/image_decode.h"

namespace alignflow {
namespace {

// A mask of the background with a bar of each of two labels.
cv::Mat Bars(int background, int first, int second) {
  cv::Mat mask(8, 10, CV_8UC1, cv::Scalar(background));
  mask(cv::Rect(1, 1, 3, 2)) = cv::Scalar(first);
  mask(cv::Rect(6, 0, 2, 8)) = cv::Scalar(second);
  return mask;
}

class PairExportTest : public testing::Test {
 protected:
  PairExportTest() {
    v1::DatasetVersion& source = *jobs_.job.mutable_source_version();
    AddLabel("cup", 0, source);
    AddLabel("disc", 128, source);
    source.set_background(255);
    jobs_.job.mutable_spec()->set_pairs(3);
    jobs_.job.set_pairs_ready(3);
    for (const int i : {1, 2, 3}) AddPair(i, Bars(255, 0, 128));
  }

  void AddPair(int index, const cv::Mat& mask) {
    v1::Pair& pair = jobs_.pairs.emplace_back();
    pair.set_index(index);
    pair.set_image_data("image " + std::to_string(index));
    pair.set_mask_data(*EncodePng(mask));
    pair.mutable_image()->set_sha256(Sha256OfString(pair.image_data()));
    pair.mutable_mask()->set_sha256(Sha256OfString(pair.mask_data()));
    pair.set_record_json("{}");
  }

  FakeCoordinator::Outcome Pull(const std::string& format) {
    return coordinator_.Run({"pairs", "pull", "j1", dir_, "--format", format, "--json"});
  }

  // The values of a mask as it was written.
  cv::Mat Written(const std::string& name) { return *DecodeMask(ReadFile(dir_ / name), name); }

  Json Index(const std::string& name) { return Json::parse(ReadFile(dir_ / name)); }

  FakeCoordinator coordinator_;
  FakeJobs& jobs_ = coordinator_.jobs;
  TempFolder folder_;
  const std::filesystem::path dir_ = folder_.path() / "pairs";
};

TEST_F(PairExportTest, NnunetHasClassNumbersWhateverTheLabelValues) {
  const auto outcome = Pull("nnunet");
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(cv::norm(Written("labelsTr/000002.png"), Bars(0, 1, 2), cv::NORM_INF), 0);
  EXPECT_EQ(ReadFile(dir_ / "imagesTr/000002_0000.png"), "image 2");
  const Json index = Index("dataset.json");
  EXPECT_EQ(index["labels"], (Json{{"background", 0}, {"cup", 1}, {"disc", 2}}));
  EXPECT_EQ(index["numTraining"], 3);
}

TEST_F(PairExportTest, ColoursBecomeClassNumbers) {
  v1::DatasetVersion& source = *jobs_.job.mutable_source_version();
  source.mutable_labels(0)->set_colour("#ff0000");
  source.mutable_labels(1)->set_colour("#00ff00");
  source.set_background_colour("#000000");
  const LabelTable colours = *LabelsOf("jobs/j1", source);
  jobs_.pairs.clear();
  for (const int i : {1, 2, 3}) AddPair(i, Bars(0, 1, 2));
  for (v1::Pair& pair : jobs_.pairs) {
    pair.set_mask_data(*EncodeMask(Bars(0, 1, 2), colours));
    pair.mutable_mask()->set_sha256(Sha256OfString(pair.mask_data()));
  }
  const auto outcome = Pull("imagefolder");
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(cv::norm(Written("masks/000003.png"), Bars(0, 1, 2), cv::NORM_INF), 0);
  EXPECT_EQ(ReadFile(dir_ / "labels.txt"), "background\ncup\ndisc\n");
}

TEST_F(PairExportTest, CocoHasEachStructureWithItsLabel) {
  ASSERT_EQ(Pull("coco").exit, 0);
  const Json index = Index("annotations/instances.json");
  ASSERT_EQ(index["annotations"].size(), 6u);
  EXPECT_EQ(index["annotations"][0]["bbox"], Json({1, 1, 3, 2}));
  EXPECT_EQ(index["annotations"][0]["area"], 6);
  EXPECT_EQ(index["annotations"][0]["category_id"], 1);
  EXPECT_EQ(index["annotations"][1]["bbox"], Json({6, 0, 2, 8}));
  // The second bar goes from the top to the bottom: one run.
  EXPECT_EQ(index["annotations"][1]["segmentation"]["counts"], CompressedRuns({48, 16, 16}));
  EXPECT_EQ(index["categories"][1]["name"], "disc");
  EXPECT_EQ(index["images"][2],
            (Json{{"id", 3}, {"file_name", "000003.png"}, {"width", 10}, {"height", 8}}));
}

TEST(CompressedRunsTest, AreThoseOfCocosTools) {
  // pycocotools.mask.encode of a 10 x 10 mask with rows 2 to 4 of columns 3 and 4, and of one that
  // is whole.
  EXPECT_EQ(CompressedRuns({32, 3, 7, 3, 55}), "P1370`1");
  EXPECT_EQ(CompressedRuns({0, 100}), "0T3");
}

TEST_F(PairExportTest, MaskWithAnotherValueIsDamaged) {
  jobs_.pairs[1].set_mask_data(*EncodePng(Bars(255, 0, 127)));
  jobs_.pairs[1].mutable_mask()->set_sha256(Sha256OfString(jobs_.pairs[1].mask_data()));
  EXPECT_EQ(Pull("nnunet").json()["error"]["code"], "DATA_LOSS");
  EXPECT_FALSE(std::filesystem::exists(dir_ / "dataset.json"));
  EXPECT_EQ(CountFiles(dir_ / "labelsTr"), 1);
}

TEST_F(PairExportTest, WhatAFailedJobHasMadeIsIndexed) {
  jobs_.pairs.pop_back();
  jobs_.job.set_pairs_ready(2);
  jobs_.end_of_pairs = {grpc::StatusCode::FAILED_PRECONDITION, "the job has failed"};
  EXPECT_EQ(Pull("nnunet").json()["error"]["code"], "ABORTED");
  EXPECT_EQ(Index("dataset.json")["numTraining"], 2);
}

TEST_F(PairExportTest, JobThatDoesNotKnowItsLabelsIsToldApart) {
  jobs_.job.clear_source_version();
  const auto outcome = Pull("coco");
  EXPECT_EQ(outcome.json()["error"]["code"], "FAILED_PRECONDITION");
  EXPECT_NE(outcome.err.find("afctl job rerun"), std::string::npos) << outcome.err;
  EXPECT_EQ(Pull("folder").exit, 0);
}

}  // namespace
}  // namespace alignflow
