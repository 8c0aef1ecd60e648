#include "worker/gates/memorization.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "worker/alignment/filter_bank.h"
#include "worker/training/random_stream.h"

namespace alignflow {
namespace {

constexpr int64_t kSize = 32;

at::Tensor Bytes(const at::Tensor& images) {
  return images.mul(255).clamp(0, 255).round().to(at::kByte);
}

// Made-up images in [0,1], all of one style: a smooth layout of two colours, and fine grain.
at::Tensor GateImages(int64_t count, uint64_t seed) {
  at::Generator random = RandomStream(seed, RandomUse::kBootstrap);
  const at::Tensor layout =
      at::upsample_bicubic2d(at::rand({count, 1, 5, 5}, random), {kSize, kSize}, true).clamp(0, 1);
  const at::Tensor dark = at::tensor({0.4, 0.15, 0.1}).view({1, 3, 1, 1});
  const at::Tensor bright = at::tensor({0.9, 0.6, 0.4}).view({1, 3, 1, 1});
  return dark + (bright - dark) * layout + 0.02 * at::randn({count, 3, kSize, kSize}, random);
}

class MemorizationTest : public ::testing::Test {
 protected:
  MemorizationTest() : source_(GateImages(80, 1)) {
    auto features = std::make_shared<FilterBank>();
    const at::Tensor images = Bytes(source_).to(at::kFloat) / 127.5 - 1;
    features->Fit(RawFilterBank(images));
    const ImageDescriptors source{RankPictures(images), features->Features(images)};
    index_ = std::make_unique<MemorizationIndex>(features, at::kCPU, source, MeasureUnits(source));
  }

  double MedianRatio(const at::Tensor& images, int64_t set = 0) const {
    std::vector<double> ratios;
    for (const NearestImage& nearest : index_->Nearest(Bytes(images), set)) {
      ratios.push_back(nearest.ratio);
    }
    return at::tensor(ratios).median().item<double>();
  }
  double LargestRatio(const at::Tensor& images) const {
    double largest = 0;
    for (const NearestImage& nearest : index_->Nearest(Bytes(images), 0)) {
      largest = std::max(largest, nearest.ratio);
    }
    return largest;
  }

  at::Tensor source_;
  std::unique_ptr<MemorizationIndex> index_;
};

TEST_F(MemorizationTest, ACopyIsAtDistanceZeroFromItsOriginal) {
  const auto nearest = index_->Nearest(Bytes(source_.narrow(0, 30, 5)), 0);
  for (int64_t i = 0; i < 5; ++i) {
    EXPECT_EQ(nearest[i].item, 30 + i);
    EXPECT_LT(nearest[i].ratio, 1e-3);
  }
}

TEST_F(MemorizationTest, RecolouringDoesNotHideACopy) {
  const at::Tensor gain = at::tensor({0.5, 1.1, 1.6}).view({1, 3, 1, 1});
  const at::Tensor offset = at::tensor({0.35, -0.05, 0.0}).view({1, 3, 1, 1});
  EXPECT_LT(LargestRatio(source_ * gain + offset), 0.15);
  EXPECT_LT(LargestRatio(source_.clamp(0, 1).pow(1.6)), 0.25) << "another tone curve";
}

TEST_F(MemorizationTest, MirroringOrNoiseDoesNotHideACopy) {
  EXPECT_LT(LargestRatio(source_.flip({3})), 0.02);
  EXPECT_LT(LargestRatio(source_.flip({2, 3})), 0.02);
  at::Generator random = RandomStream(9, RandomUse::kBootstrap);
  EXPECT_LT(LargestRatio(source_ + 0.02 * at::randn(source_.sizes(), random)), 0.25);
}

TEST_F(MemorizationTest, NewImagesOfTheSameStyleAreAboutAsFarAsTheSourcesOwn) {
  const at::Tensor fresh = GateImages(80, 2);
  EXPECT_GT(MedianRatio(fresh), 0.75);
  EXPECT_LT(MedianRatio(fresh), 1.35);
  for (const NearestImage& nearest : index_->Nearest(Bytes(fresh), 0)) {
    EXPECT_GT(nearest.ratio, 0.3) << "same style, but not the same picture";
  }
}

// References are often frames of one video: if their own distances were the unit, a copy of one
// frame would be as far from the others as they are.
TEST_F(MemorizationTest, NearDuplicatesAmongReferencesDoNotHideACopyOfOne) {
  const at::Tensor frame = GateImages(1, 3);
  at::Generator random = RandomStream(4, RandomUse::kBootstrap);
  const at::Tensor video = frame + 0.03 * at::randn({10, 3, kSize, kSize}, random);
  index_->Add(Bytes(video));
  EXPECT_LT(MedianRatio(frame + 0.03 * at::randn({6, 3, kSize, kSize}, random), 1), 0.2);
  EXPECT_GT(MedianRatio(GateImages(20, 5), 1), 0.75);
}

TEST_F(MemorizationTest, AnAnswerDoesNotDependOnTheImagesAskedWith) {
  const at::Tensor fresh = Bytes(GateImages(7, 6));
  const auto together = index_->Nearest(fresh, 0);
  for (int64_t i = 0; i < 7; ++i) {
    const NearestImage alone = index_->Nearest(fresh.narrow(0, i, 1), 0).front();
    EXPECT_EQ(alone.item, together[i].item);
    EXPECT_NEAR(alone.ratio, together[i].ratio, 1e-4);
  }
}

TEST(MeasureUnitsTest, OneImageHasNoDistancesToMeasureBy) {
  EXPECT_THROW(MeasureUnits({at::zeros({1, 256}), at::zeros({1, 8})}), std::invalid_argument);
}

// Of a large set some images tell: time grows with the images, not with their square, and the units
// hardly change.
TEST(MeasureUnitsTest, ALargeSetIsMeasuredBySomeOfItsImages) {
  at::Generator random = RandomStream(7, RandomUse::kBootstrap);
  const ImageDescriptors all{at::randn({2500, 256}, random), at::randn({2500, 8}, random)};
  int64_t looks = 0;
  const MemorizationUnits units = MeasureUnits(all, [&] { ++looks; });
  const at::Tensor nearest =
      std::get<0>(at::cdist(all.features, all.features, 2, 2).fill_diagonal_(INFINITY).min(1));
  EXPECT_NEAR(units.feature, nearest.median().item<double>(), 0.03 * units.feature);
  EXPECT_GT(units.pixel, 1.0);
  EXPECT_LE(looks, 3) << "1,000 queries fit into one look for each of the three units";
}

}  // namespace
}  // namespace alignflow
