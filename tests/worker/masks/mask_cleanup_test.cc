#include "worker/masks/mask_cleanup.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <string>
#include <vector>

#include "worker/masks/mask_choice.h"
#include "worker/masks/mask_figures.h"
#include "worker/masks/mask_regions.h"
#include "worker/masks/mask_rules_json.h"
#include "worker/masks/unet_mask_flow.h"
#include "worker/sets/prepared_set.h"
#include "worker/training/random_stream.h"

namespace alignflow {
namespace {

constexpr int kSide = 64;

cv::Mat Empty() { return cv::Mat::zeros(kSide, kSide, CV_8UC1); }

at::Tensor TensorOf(const std::vector<cv::Mat>& masks) {
  std::vector<at::Tensor> rows;
  for (const cv::Mat& mask : masks) {
    rows.push_back(at::from_blob(mask.data, {kSide, kSide}, at::kByte).clone());
  }
  return at::stack(rows);
}

// A cup (2) in a disc (1), as in a fundus.
cv::Mat Fundus(int x, int y, int radius, int cup) {
  cv::Mat mask = Empty();
  cv::circle(mask, {x, y}, radius, 1, cv::FILLED);
  cv::circle(mask, {x, y}, cup, 2, cv::FILLED);
  return mask;
}
at::Tensor Fundi() {
  std::vector<cv::Mat> masks;
  for (int i = 0; i < 8; ++i) masks.push_back(Fundus(24 + 2 * i, 30 + i, 12, 4 + i % 3));
  return TensorOf(masks);
}

// Real masks as a prepared set has them.
RealMasks Real(const at::Tensor& masks, int count) {
  ImageSet set;
  std::vector<LabelTable::Label> labels;
  for (int i = 1; i < count; ++i) labels.push_back({"class-" + std::to_string(i), i});
  set.labels = *LabelTable::Make(labels, 0);
  set.classes = masks;
  set.mask_digests = at::empty({masks.size(0), 32}, at::kByte);
  for (int64_t i = 0; i < masks.size(0); ++i) {
    const std::string digest = RowDigest(masks[i]);
    std::copy(digest.begin(), digest.end(), set.mask_digests[i].data_ptr<uint8_t>());
  }
  return {set, LearnMaskRules(masks, count)};
}

TEST(MaskRulesTest, TheyAreTheSameInAFileAndOnAnyNumberOfThreads) {
  const MaskRules rules = LearnMaskRules(Fundi(), 3);
  const std::string text = MaskRulesToJson(rules);
  EXPECT_EQ(MaskRulesToJson(MaskRulesFromJson(text, 3, kSide)), text);
  EXPECT_EQ(MaskRulesToJson(LearnMaskRules(at::stack({Fundi(), Fundi()}, 1).select(1, 0), 3)), text)
      << "rows that lie apart in memory";
  const int threads = at::get_num_threads();
  at::set_num_threads(4);
  EXPECT_EQ(MaskRulesToJson(LearnMaskRules(Fundi(), 3)), text);
  at::set_num_threads(threads);
  EXPECT_THROW(MaskRulesFromJson(text, 2, kSide), std::invalid_argument);
  EXPECT_THROW(MaskRulesFromJson(text, 3, 128), std::invalid_argument);
  EXPECT_THROW(MaskRulesFromJson("{}", 3, kSide), std::invalid_argument);
}

TEST(MaskRulesTest, AClassThatIsOnlyFoundInsideAnotherIsItsChild) {
  const MaskRules rules = LearnMaskRules(Fundi(), 3);
  EXPECT_EQ(rules.classes[2].parent, 1);
  EXPECT_EQ(rules.classes[1].parent, 0);
  EXPECT_EQ(rules.classes[1].inner, (std::vector<int>{2}));
  EXPECT_EQ(rules.order, (std::vector<int>{1, 2}));
  EXPECT_TRUE(rules.classes[1].always);
  EXPECT_FALSE(rules.classes[1].holes);
  EXPECT_EQ(rules.classes[1].most_parts, 1);
}

TEST(MaskRulesTest, ClassesSideBySideAreNotNestedAndThinOnesNotSmoothed) {
  cv::Mat mask = Empty();
  cv::rectangle(mask, {5, 5, 20, 20}, 1, cv::FILLED);
  cv::rectangle(mask, {25, 5, 20, 20}, 2, cv::FILLED);
  cv::line(mask, {3, 50}, {60, 50}, 3, 1);
  const MaskRules rules = LearnMaskRules(TensorOf({mask, mask}), 4);
  EXPECT_EQ(rules.classes[1].parent, 0);
  EXPECT_EQ(rules.classes[2].parent, 0);
  EXPECT_FALSE(rules.classes[1].thin);
  EXPECT_TRUE(rules.classes[3].thin);
  EXPECT_EQ(MaskFault(CleanMask(mask, rules), rules), "");
  EXPECT_EQ(cv::countNonZero(CleanMask(mask, rules) == 3), 58) << "a line survives";
}

TEST(CleanMaskTest, IslandsHolesAndWhatSticksOutAreMended) {
  const MaskRules rules = LearnMaskRules(Fundi(), 3);
  cv::Mat mask = Fundus(32, 32, 12, 5);
  mask.at<uint8_t>(3, 3) = 1;                           // islands of the disc,
  cv::rectangle(mask, {50, 50, 3, 3}, 2, cv::FILLED);   // and of the cup outside of it
  mask.at<uint8_t>(25, 32) = 0;                         // a hole in the disc
  cv::rectangle(mask, {32, 32, 20, 4}, 2, cv::FILLED);  // a cup that leaves the disc
  EXPECT_NE(MaskFault(mask, rules), "");
  const cv::Mat clean = CleanMask(mask, rules);
  EXPECT_EQ(MaskFault(clean, rules), "");
  EXPECT_EQ(PartsOf(SolidRegion(clean, 1, {2})).size(), 1u);
  EXPECT_EQ(clean.at<uint8_t>(3, 3), 0);
  EXPECT_EQ(clean.at<uint8_t>(51, 51), 0);
  EXPECT_EQ(clean.at<uint8_t>(25, 32), 1);
  EXPECT_GT(cv::countNonZero(clean == 2), 40);
}

TEST(CleanMaskTest, ARealMaskStaysNearlyAsItIs) {
  const at::Tensor real = Fundi();
  const MaskRules rules = LearnMaskRules(real, 3);
  for (int64_t i = 0; i < real.size(0); ++i) {
    const cv::Mat mask(kSide, kSide, CV_8UC1, real[i].data_ptr());
    const cv::Mat clean = CleanMask(mask, rules);
    EXPECT_LT(cv::countNonZero(clean != mask), 40);
    EXPECT_EQ(MaskFault(clean, rules), "");
  }
}

TEST(CleanMaskTest, NoiseBecomesALegalMaskOrHasANamedFault) {
  const MaskRules rules = LearnMaskRules(Fundi(), 3);
  at::Generator random = RandomStream(3, RandomUse::kMaskNoise);
  for (int i = 0; i < 20; ++i) {
    const at::Tensor coarse = at::randint(3, {1, 1, 8, 8}, random, at::kFloat);
    const at::Tensor noise =
        at::upsample_nearest2d(coarse, {kSide, kSide})[0][0].to(at::kByte).contiguous();
    const cv::Mat clean = CleanMask(cv::Mat(kSide, kSide, CV_8UC1, noise.data_ptr()), rules);
    double greatest = 0;
    cv::minMaxLoc(clean, nullptr, &greatest);
    EXPECT_LE(greatest, 2);
    const std::string fault = MaskFault(clean, rules);
    EXPECT_TRUE(fault.empty() || fault.ends_with("missing") || fault.ends_with("border")) << fault;
  }
}

TEST(MaskFaultTest, NamesWhatBreaksARule) {
  const MaskRules rules = LearnMaskRules(Fundi(), 3);
  EXPECT_EQ(MaskFault(Empty(), rules), "class 1: missing");
  cv::Mat sticking = Fundus(32, 32, 12, 5);
  cv::rectangle(sticking, {32, 30, 20, 5}, 2, cv::FILLED);
  EXPECT_EQ(MaskFault(sticking, rules), "class 2: not inside its class");
  cv::Mat two = Fundus(20, 20, 10, 5);
  two |= Fundus(48, 48, 10, 5);
  EXPECT_EQ(MaskFault(two, rules), "class 1: too many parts");
  EXPECT_EQ(MaskFault(Fundus(5, 32, 10, 3), rules), "class 1: at the border");
  EXPECT_EQ(MaskFault(Fundus(32, 32, 12, 5), rules), "");
}

TEST(RealMasksTest, TheMostSimilarCandidateIsChosenAndNeverARealMask) {
  const at::Tensor real = Fundi();
  const RealMasks masks = Real(real, 3);
  const cv::Mat near = Fundus(25, 31, 12, 5), far = Fundus(45, 45, 12, 5);
  const auto chosen = masks.Choose(TensorOf({far, near, Empty()}), 0);
  ASSERT_TRUE(chosen.mask.defined());
  EXPECT_GT(chosen.similarity, 0.8);
  EXPECT_EQ(chosen.mask[31][25].item<int>(), 2);
  EXPECT_FALSE(masks.Choose(TensorOf({Empty()}), 0).mask.defined()) << "empty, where none is";
  // What cleaning leaves of a candidate is compared with the real masks.
  const RealMasks own = Real(chosen.mask.unsqueeze(0), 3);
  EXPECT_FALSE(own.Choose(chosen.mask.unsqueeze(0), 0).mask.defined() &&
               at::equal(own.Choose(chosen.mask.unsqueeze(0), 0).mask, chosen.mask));
}

TEST(RealMasksTest, AMovedMaskIsNewAndFollowsTheRules) {
  const at::Tensor real = Fundi();
  const RealMasks masks = Real(real, 3);
  const auto moved = masks.Moved(2, RandomStream(1, RandomUse::kMaskNoise));
  EXPECT_TRUE(moved.mask.any().item<bool>());
  EXPECT_FALSE(at::equal(moved.mask, real[2]));
  EXPECT_TRUE(at::equal(moved.mask, masks.Moved(2, RandomStream(1, RandomUse::kMaskNoise)).mask));
  EXPECT_EQ(MaskFault(cv::Mat(kSide, kSide, CV_8UC1, moved.mask.data_ptr()), masks.rules()), "");
}

TEST(RealMasksTest, EmptyRealMasksMayHaveEmptyNewOnes) {
  cv::Mat polyp = Empty();
  cv::circle(polyp, {30, 30}, 9, 1, cv::FILLED);
  const RealMasks masks = Real(TensorOf({Empty(), polyp}), 2);
  const auto empty = masks.Choose(TensorOf({Empty()}), 0);
  ASSERT_TRUE(empty.mask.defined());
  EXPECT_EQ(empty.similarity, 1);
  EXPECT_FALSE(masks.Choose(TensorOf({Empty()}), 1).mask.defined());
}

TEST(MaskFlowTest, PlanesAndClassesAreEachOthersInverse) {
  const at::Tensor classes = Fundi();
  const at::Tensor planes = PlanesOfClasses(classes, 3);
  EXPECT_EQ(planes.sizes(), (std::vector<int64_t>{8, 3, kSide, kSide}));
  EXPECT_EQ(planes.abs().min().item<float>(), 1);
  EXPECT_TRUE(at::equal(ClassesOfPlanes(planes), classes));
  EXPECT_THROW(
      UNetMaskFlow(at::zeros({2, 100, 100}, at::kByte), at::arange(2), 3, /*seed=*/0, at::kCPU),
      std::invalid_argument);
}

TEST(MaskFiguresTest, WassersteinIsTheMeanShiftOfSortedValues) {
  EXPECT_DOUBLE_EQ(Wasserstein1({1, 2, 3}, {3, 1, 2}), 0);
  EXPECT_DOUBLE_EQ(Wasserstein1({1, 2, 3}, {2, 3, 4}), 1);
  EXPECT_DOUBLE_EQ(Wasserstein1({0}, {0, 4}), 2);
  EXPECT_THROW(Wasserstein1({}, {1}), std::invalid_argument);
}

TEST(MaskFiguresTest, DistancesAreInPercentOfTheImage) {
  const auto shifted =
      CompareMasks(TensorOf({Fundus(38, 30, 12, 5)}), TensorOf({Fundus(22, 30, 12, 5)}), 3);
  ASSERT_EQ(shifted.size(), 2u);
  EXPECT_NEAR(shifted[0].centre_x, 25, 1e-9);
  EXPECT_NEAR(shifted[0].centre_y, 0, 1e-9);
  EXPECT_EQ(shifted[0].area, 0);
  const auto two = CompareMasks(TensorOf({Fundus(15, 15, 9, 0) | Fundus(45, 45, 9, 0)}),
                                TensorOf({Fundus(15, 15, 9, 0)}), 3);
  EXPECT_EQ(two[0].parts, 1);
  EXPECT_NEAR(two[0].area, two[0].mean_area / 2, 1e-9);
  EXPECT_TRUE(std::isnan(two[1].centre_x) || two[1].centre_x >= 0);
}

}  // namespace
}  // namespace alignflow
