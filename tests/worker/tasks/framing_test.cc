// Views and frames through the tasks.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <opencv2/imgproc.hpp>
#include <set>

#include "tests/worker/framing/drawn_pictures.h"
#include "tests/worker/tasks/task_fixture.h"
#include "worker/pairs/pair_list.h"
#include "worker/sets/prepared_set.h"
#include "worker/sets/reference_set.h"

namespace alignflow {
namespace {

class FramingTest : public TaskFixture {
 protected:
  // Drawn endoscopies with a lesion, as a dataset, or without masks, as references.
  std::string PutEndoscopies(int count, bool masks, const std::string& word = "") {
    DatasetManifest manifest;
    if (masks) manifest.labels = PhantomLabels(PhantomKind::kPolyp);
    manifest.kind = masks ? DatasetKind::kDataset : DatasetKind::kReferences;
    for (int i = 0; i < count; ++i) {
      const cv::Mat image = DrawEndoscopy(10 + i, word).image;
      cv::Mat mask(image.size(), CV_8U, cv::Scalar(0));
      cv::circle(mask, {380, 240}, 50, cv::Scalar(255), cv::FILLED);
      manifest.items.push_back({.name = "scope-" + std::to_string(i),
                                .image = blobs_->Put(*EncodePng(image)),
                                .mask = masks ? blobs_->Put(*EncodePng(mask)) : "",
                                .width = image.cols,
                                .height = image.rows});
    }
    return blobs_->Put(*WriteManifest(manifest));
  }
  std::vector<PairLine> Transfer(const std::string& source, const std::string& references,
                                 const std::string& framing) {
    return ParsePairLines(
        blobs_->Read(Run(Spec("transfer", {{"source", source}, {"references", references}},
                              {{"method", "reinhard"},
                               {"framing", framing},
                               {"first_pair", "1"},
                               {"last_pair", "6"}}))["pairs"]));
  }
  cv::Mat Image(const std::string& digest) { return *DecodeImage(blobs_->Read(digest), "image"); }
  cv::Mat Mask(const std::string& digest) { return *DecodeMask(blobs_->Read(digest), "mask"); }
};

TEST_F(FramingTest, ADatasetIsPreparedAsItsViews) {
  const std::string manifest = PutEndoscopies(3, true);
  const ImageSet views = MapPrepared(blobs_->PathOf(Prepared(manifest, 64, "view")));
  ASSERT_TRUE(views.views.defined());
  EXPECT_NEAR(views.views.places[0][2].item<int64_t>(), 190, 6);
  EXPECT_NEAR(views.views.places[0][4].item<int64_t>(), 430, 10);
  // Where black border was, there is tissue's red now.
  EXPECT_GT(views.images[0][0].min().item<int64_t>(), 80);
  const ImageSet whole = MapPrepared(blobs_->PathOf(Prepared(manifest, 64, "whole")));
  EXPECT_FALSE(whole.views.defined());
  EXPECT_GT(views.classes.ne(0).sum().item<int64_t>(),
            1.3 * whole.classes.ne(0).sum().item<int64_t>());
}

TEST_F(FramingTest, ATaskRefusesPreparedPicturesOfTheOtherKind) {
  TaskSpec spec = Spec("fit", {{"source", PutEndoscopies(3, true)}}, {{"framing", "source"}});
  spec.settings["pictures"] = "whole";
  const auto context = NewContext();
  const auto outputs = RunTask(spec, *context);
  EXPECT_TRUE(absl::IsInvalidArgument(outputs.status()));
  EXPECT_THAT(std::string(outputs.status().message()), testing::HasSubstr("views"));
}

TEST_F(FramingTest, PairsAreHandedOutInAReferencesFrameAndAsViews) {
  const std::string source = PutPhantoms(PhantomDomain::kSource, 6, true);
  std::set<std::string> used;
  for (const PairLine& pair : Transfer(source, PutEndoscopies(4, false, "DOE J."), "references")) {
    const cv::Mat image = Image(pair.image), mask = Mask(pair.mask);
    EXPECT_EQ(image.size(), cv::Size(64, 48)) << "the references' proportions";
    EXPECT_EQ(mask.size(), image.size());
    EXPECT_EQ(Image(pair.view_image).size(), cv::Size(64, 64));
    const auto framing = nlohmann::json::parse(pair.record).at("framing");
    used.insert(framing.at("reference").get<std::string>());
    // The word stood above the box, left of the view.
    cv::Mat grey;
    cv::cvtColor(image(cv::Rect(0, 0, 17, 30)), grey, cv::COLOR_BGR2GRAY);
    double darkest, brightest;
    cv::minMaxLoc(grey, &darkest, &brightest);
    EXPECT_LT(brightest, 30);
    EXPECT_EQ(cv::countNonZero(mask(cv::Rect(0, 0, 17, 48))), 0);
    EXPECT_GT(cv::mean(image(cv::Rect(24, 8, 32, 32)))[2], 40);
  }
  EXPECT_GT(used.size(), 1u);
}

TEST_F(FramingTest, TheSourcesOwnFrameComesBack) {
  const std::string source = PutEndoscopies(6, true);
  for (const PairLine& pair :
       Transfer(source, PutPhantoms(PhantomDomain::kTargetA, 3, false), "source")) {
    const cv::Mat mask = Mask(pair.mask);
    EXPECT_EQ(mask.size(), cv::Size(64, 48));
    // The lesion is where it was: at (380, 240) of (640, 480).
    const cv::Moments moments = cv::moments(mask, true);
    EXPECT_NEAR(moments.m10 / moments.m00, 38, 1.5);
    EXPECT_NEAR(moments.m01 / moments.m00, 24, 1.5);
  }
}

TEST_F(FramingTest, AFrameDependsOnThePairAlone) {
  const std::string source = PutPhantoms(PhantomDomain::kSource, 6, true);
  const std::string references = PutEndoscopies(4, false);
  const std::vector<PairLine> whole = Transfer(source, references, "references");
  const std::vector<PairLine> part = ParsePairLines(
      blobs_->Read(Run(Spec("transfer", {{"source", source}, {"references", references}},
                            {{"method", "reinhard"},
                             {"framing", "references"},
                             {"first_pair", "3"},
                             {"last_pair", "4"}}))["pairs"]));
  EXPECT_EQ(part[0].image, whole[2].image);
  EXPECT_EQ(part[1].mask, whole[3].mask);
}

TEST_F(FramingTest, SegmentersLearnPairsInFramesFromWholePicturesAndViewsFromViews) {
  const std::string source = PutPhantoms(PhantomDomain::kSource, 6, true);
  const std::string references = PutEndoscopies(4, false), target = PutEndoscopies(3, true);
  const SettingMap settings{{"method", "reinhard"},  {"framing", "references"},
                            {"first_pair", "1"},     {"last_pair", "6"},
                            {"evaluate.batch", "2"}, {"evaluate.iterations", "2"}};
  const std::string pairs =
      Run(Spec("transfer", {{"source", source}, {"references", references}}, settings))["pairs"];
  for (const char* pictures : {"whole", "view"}) {
    TaskSpec spec = Spec("evaluate",
                         {{"source", Prepared(source, 64, pictures)},
                          {"target", Prepared(target, 64, pictures)},
                          {"pairs/000000", pairs}},
                         {{"evaluate.batch", "2"}, {"evaluate.iterations", "2"}});
    spec.settings["pictures"] = pictures;
    spec.settings["run"] = "1";
    const auto scores = nlohmann::json::parse(blobs_->Read(Run(spec)["scores"]));
    EXPECT_EQ(scores.at("images").size(), 3u) << pictures;
  }
}

TEST_F(FramingTest, AGeneratedPairsMaskIsMadeSmallerBeforeItsImage) {
  const std::string source = PutEndoscopies(3, true);
  const std::string model = Run(
      Spec("fit", {{"source", source}}, {{"fit.iterations", "1"}, {"framing", "source"}}))["model"];
  const auto pairs = [&](const char* least) {
    return ParsePairLines(blobs_->Read(Run(Spec("generate", {{"source", source}, {"model", model}},
                                                {{"generate.mix", "generated:1"},
                                                 {"framing", "source"},
                                                 {"framing.least_scale", least},
                                                 {"first_pair", "1"},
                                                 {"last_pair", "8"}}))["pairs"]));
  };
  const std::vector<PairLine> same = pairs("1"), smaller = pairs("0.4");
  ASSERT_EQ(smaller.size(), 8u);
  for (size_t i = 0; i < smaller.size(); ++i) {
    const double scale = nlohmann::json::parse(smaller[i].record).at("scale");
    EXPECT_LT(scale, 1);
    const cv::Mat mask = Mask(smaller[i].view_mask);
    EXPECT_NEAR(cv::countNonZero(mask), scale * scale * cv::countNonZero(Mask(same[i].view_mask)),
                0.2 * cv::countNonZero(Mask(same[i].view_mask)) * scale);
    cv::Mat labels;
    EXPECT_EQ(cv::connectedComponents(mask, labels), 2) << "one lesion, no mirrored ones";
  }
}

}  // namespace
}  // namespace alignflow
