#include "worker/training/augmentation.h"

#include <gtest/gtest.h>

namespace alignflow {
namespace {

at::Generator Seeded(uint64_t seed) { return at::detail::createCPUGenerator(seed); }
at::Tensor Images(int64_t count) { return at::rand({count, 3, 16, 16}, Seeded(1)) * 2 - 1; }

TEST(AugmentationTest, ColoursStayInRangeDifferFromImageToImageAndFollowTheSeed) {
  const at::Tensor same = Images(1).expand({6, 3, 16, 16}).contiguous();
  for (const auto& change : {OrdinaryColours, StrongColours}) {
    const at::Tensor changed = change(same, Seeded(3));
    EXPECT_EQ(changed.sizes(), same.sizes());
    EXPECT_LE(changed.abs().max().item<float>(), 1);
    for (int64_t i = 1; i < same.size(0); ++i) {
      EXPECT_GT((changed[i] - changed[0]).abs().mean().item<float>(), 0.02) << i;
    }
    EXPECT_TRUE(at::equal(changed, change(same, Seeded(3))));
    EXPECT_FALSE(at::equal(changed, change(same, Seeded(4))));
  }
}

// Each range is seen in what many grey or tinted images become.
TEST(AugmentationTest, OrdinaryColoursReachTheirRangesAndNotFurther) {
  constexpr int64_t kCount = 4000;
  const at::Tensor grey = at::full({kCount, 3, 4, 4}, -0.2);  // 0.4 of white, without contrast
  const at::Tensor changed = OrdinaryColours(grey, Seeded(5)) * 0.5 + 0.5;
  EXPECT_EQ(changed.std(-1).max().item<float>(), 0) << "a flat image stays flat";
  // 0.4 * brightness * channel, to an exponent: from (0.4*0.6*0.8)^1.4 to (0.4*1.4*1.2)^0.7.
  EXPECT_GE(changed.min().item<float>(), std::pow(0.4 * 0.6 * 0.8, 1.4) - 1e-5);
  EXPECT_LE(changed.max().item<float>(), std::pow(0.4 * 1.4 * 1.2, 0.7) + 1e-5);
  EXPECT_LT(changed.min().item<float>(), 0.13);
  EXPECT_GT(changed.max().item<float>(), 0.70);
  // Channels of one image differ by at most the two ends of their gains.
  const at::Tensor ratio = changed.amax({1, 2, 3}) / changed.amin({1, 2, 3});
  EXPECT_LE(ratio.max().item<float>(), std::pow(1.5, 1.4) + 1e-4);
  EXPECT_GT(ratio.max().item<float>(), 1.4);
}

// A red square where the mask is, away from the middle, so that a shift of either would show.
ImagesAndClasses RedSquares(int64_t count, int64_t side) {
  ImagesAndClasses batch{at::full({count, 3, side, side}, -1.0),
                         at::zeros({count, side, side}, at::kByte)};
  batch.images.narrow(2, 24, 12).narrow(3, 30, 16).select(1, 0).fill_(1);
  batch.classes.narrow(1, 24, 12).narrow(2, 30, 16).fill_(2);
  return batch;
}

TEST(AugmentationTest, ScalingShowsHalfOfTheImagesFromFartherAwayWithTheirMasks) {
  constexpr int64_t kCount = 400, kSide = 64;
  const ImagesAndClasses batch = RedSquares(kCount, kSide);
  const ImagesAndClasses scaled = Scaled(batch, Seeded(7));
  EXPECT_EQ(scaled.images.sizes(), batch.images.sizes());
  const at::Tensor inside = scaled.classes.eq(2);
  EXPECT_TRUE(at::logical_or(inside, scaled.classes.eq(0)).all().item<bool>());
  const at::Tensor red = scaled.images.select(1, 0).gt(0);
  EXPECT_LT(red.ne(inside).sum().item<int64_t>(), red.sum().item<int64_t>() / 10);
  // The square is 12 rows high: 0.35 of that at least, and up to what a crop makes of it. Mirrored
  // ones beside it have the same height, so it is looked at in the column that is met first.
  int64_t small = 0, large = 0;
  double least = 1e9, most = 0;
  for (int64_t i = 0; i < kCount; ++i) {
    const at::Tensor rows = inside[i].any(1).to(at::kInt).contiguous();
    const int* row = rows.data_ptr<int>();
    int64_t height = 0;
    for (int64_t y = 0, run = 0; y < kSide; ++y) {
      run = row[y] != 0 ? run + 1 : 0;
      const bool cut = run == y + 1 || y + 1 == kSide;  // by the border
      if (!cut) height = std::max(height, run);
    }
    if (height == 0) continue;
    const double scale = static_cast<double>(height) / 12;
    least = std::min(least, scale);
    most = std::max(most, scale);
    ++(scale < 0.99 ? small : large);
  }
  EXPECT_GT(least, 0.3);
  EXPECT_LT(least, 0.45);
  EXPECT_GT(most, 1.2);
  EXPECT_NEAR(static_cast<double>(small) / static_cast<double>(small + large), 0.5, 0.1);
}

// Detail that is too fine to be seen from there becomes its mean.
TEST(AugmentationTest, FromFartherAwayFineDetailIsAveraged) {
  constexpr int64_t kCount = 200, kSide = 64;
  at::Tensor stripes = at::ones({kCount, 3, kSide, kSide});
  stripes.slice(3, 0, kSide, 2).fill_(-1);
  const ImagesAndClasses scaled =
      Scaled({stripes, at::zeros({kCount, kSide, kSide}, at::kByte)}, Seeded(9));
  // The least of all has a scale near 0.35, at which a pixel holds almost three stripes.
  EXPECT_LT(scaled.images.abs().mean({1, 2, 3}).min().item<float>(), 0.25);
}

TEST(AugmentationTest, CropsKeepImageAndMaskTogether) {
  constexpr int64_t kCount = 32, kSide = 64;
  const ImagesAndClasses batch = RedSquares(kCount, kSide);
  const ImagesAndClasses cropped = Cropped(batch, Seeded(7));
  EXPECT_EQ(cropped.images.sizes(), batch.images.sizes());
  EXPECT_EQ(cropped.classes.scalar_type(), at::kByte);
  const at::Tensor inside = cropped.classes.eq(2);
  EXPECT_TRUE(at::logical_or(inside, cropped.classes.eq(0)).all().item<bool>());
  const at::Tensor red = cropped.images.select(1, 0).gt(0);
  EXPECT_LT(red.ne(inside).sum().item<int64_t>(), red.sum().item<int64_t>() / 50);
  // Areas grow by up to 1 / 0.75^2.
  const at::Tensor area = inside.flatten(1).sum(1).to(at::kDouble) / (12 * 16);
  EXPECT_GE(area.min().item<double>(), 0.9);
  EXPECT_LE(area.max().item<double>(), 1.95);
  EXPECT_GT(area.max().item<double>(), 1.5);
}

// A bright box where the mask is, in volumes of grey values.
TEST(AugmentationTest, VolumesAreChangedWithTheirMasks) {
  constexpr int64_t kCount = 12, kSide = 24;
  ImagesAndClasses batch{at::full({kCount, 1, kSide, kSide, kSide}, -1.0),
                         at::zeros({kCount, kSide, kSide, kSide}, at::kByte)};
  batch.images.narrow(2, 6, 8).narrow(3, 8, 8).narrow(4, 11, 10).fill_(1);
  batch.classes.narrow(1, 6, 8).narrow(2, 8, 8).narrow(3, 11, 10).fill_(2);
  for (const auto& window : {Cropped, Scaled}) {
    const ImagesAndClasses shown = window(batch, Seeded(7));
    EXPECT_EQ(shown.images.sizes(), batch.images.sizes());
    EXPECT_EQ(shown.classes.sizes(), batch.classes.sizes());
    EXPECT_FALSE(at::equal(shown.classes, batch.classes));
    const at::Tensor inside = shown.classes.eq(2), bright = shown.images.select(1, 0).gt(0);
    EXPECT_LT(bright.ne(inside).sum().item<int64_t>(), bright.sum().item<int64_t>() / 5);
  }
  for (const auto& change : {OrdinaryColours, StrongColours}) {
    const at::Tensor changed = change(batch.images, Seeded(3));
    EXPECT_EQ(changed.sizes(), batch.images.sizes());
    EXPECT_LE(changed.abs().max().item<float>(), 1);
    EXPECT_FALSE(at::equal(changed[0], changed[1])) << "each by draws of its own";
  }
}

TEST(AugmentationTest, ACropShowsNothingFromOutsideOfTheImage) {
  const ImagesAndClasses batch{at::full({64, 3, 16, 16}, 0.5), at::ones({64, 16, 16}, at::kByte)};
  const ImagesAndClasses cropped = Cropped(batch, Seeded(8));
  EXPECT_LT((cropped.images - 0.5).abs().max().item<float>(), 1e-5);
  EXPECT_TRUE(cropped.classes.eq(1).all().item<bool>());
}

}  // namespace
}  // namespace alignflow
