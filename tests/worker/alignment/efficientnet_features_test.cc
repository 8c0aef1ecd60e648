#include "worker/alignment/efficientnet_features.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <cmath>

namespace alignflow {
namespace {

// A small frozen net of random weights with lite's strides.
std::shared_ptr<const EfficientNet> SmallNet() {
  at::set_num_threads(1);
  at::manual_seed(7);
  EfficientNetConfig config{.stem = 8,
                            .stages = {{1, 3, 1, 1, 8},
                                       {1, 3, 2, 2, 8},
                                       {1, 5, 2, 2, 16},
                                       {1, 3, 2, 2, 16},
                                       {1, 5, 1, 2, 16},
                                       {1, 5, 2, 2, 16},
                                       {1, 3, 1, 2, 24}},
                            .head = 32,
                            .classes = 0,
                            .side = 64};
  auto net = std::make_shared<EfficientNet>(config);
  net->Freeze();
  return net;
}

at::Tensor RandomImages(int64_t count, int64_t size, uint64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  const at::Tensor coarse = at::randn({count, 3, size / 4, size / 4}, generator);
  const at::Tensor light = 0.3 * at::randn({count, 1, 1, 1}, generator);
  return (light + 0.4 * at::upsample_bilinear2d(coarse, {size, size}, false)).clamp(-1, 1);
}

TEST(EfficientNetFeaturesTest, OneVectorAnImageWhateverItsSize) {
  const EfficientNetFeatures features(SmallNet());
  const at::NoGradGuard no_grad;
  const at::Tensor small = RandomImages(2, 32, 1);
  const at::Tensor large = at::upsample_nearest2d(small, {128, 128});
  EXPECT_EQ(features.Features(small).sizes(), (at::IntArrayRef{2, features.width()}));
  const double own = (features.Features(small) - features.Features(large)).norm().item<double>();
  const double other =
      (features.Features(small) - features.Features(RandomImages(2, 32, 2))).norm().item<double>();
  EXPECT_LT(own, other / 2) << "a picture stays the same when it is enlarged";
}

class EfficientNetStyleTest : public ::testing::Test {
 protected:
  EfficientNetStyleTest() : style_(SmallNet()) {
    const at::NoGradGuard no_grad;
    style_.Fit(style_.Raw(RandomImages(60, 64, 1)));
  }
  EfficientNetStyle style_;
};

TEST_F(EfficientNetStyleTest, IsStandardisedOnTheSourceAndBounded) {
  const at::NoGradGuard no_grad;
  const at::Tensor features = style_.Features(RandomImages(60, 64, 1));
  EXPECT_EQ(features.sizes(), (at::IntArrayRef{60, 2 * (8 + 8 + 16 + 16) + 24}));
  EXPECT_EQ(features.size(1), style_.width());
  EXPECT_LT(features.mean(0).abs().max().item<double>(), 0.2);
  EXPECT_LT(features.std(0).max().item<double>(), 1.1);
  const double bound = 2 * std::sqrt(static_cast<double>(style_.width()));
  EXPECT_LE(style_.Features(at::ones({1, 3, 64, 64})).norm().item<double>(), bound * 1.0001);
}

// The reward's gradient: by finite differences along a direction that changes style.
TEST_F(EfficientNetStyleTest, ItsGradientIsThatOfTheFeatures) {
  // Bright enough to lie within the field of view as a whole, whose edge is steep.
  const at::Tensor image = RandomImages(1, 64, 5).clamp_min(-0.2).requires_grad_();
  at::Generator generator = at::detail::createCPUGenerator(6);
  const at::Tensor probe = at::randn({1, style_.width()}, generator);
  const at::Tensor direction = at::rand({1, 3, 64, 64}, generator);
  (style_.Features(image) * probe).sum().backward();
  const double slope = (image.grad() * direction).sum().item<double>();
  const at::NoGradGuard no_grad;
  const double step = 3e-4;  // the features bend much within a few grey levels
  const auto value = [&](double at) {
    return (style_.Features(image.detach() + at * direction) * probe).sum().item<double>();
  };
  EXPECT_NEAR((value(step) - value(-step)) / (2 * step), slope, 0.05 * std::abs(slope) + 0.02);
  EXPECT_GT(std::abs(slope), 0.5) << "the test can fail";
}

// A dark frame around the picture is not style.
TEST_F(EfficientNetStyleTest, WhatIsOutsideOfTheFieldOfViewHardlyCounts) {
  const at::NoGradGuard no_grad;
  const at::Tensor images = RandomImages(8, 64, 9).clamp_min(-0.4);
  at::Tensor framed = images.clone();
  framed.narrow(3, 0, 12).fill_(-1);
  at::Tensor redder = images.clone();
  redder.select(1, 0) += 0.5;
  const auto moved = [&](const at::Tensor& other) {
    return (style_.Features(other) - style_.Features(images)).mean(0).norm().item<double>();
  };
  EXPECT_LT(moved(framed), moved(redder));
}

}  // namespace
}  // namespace alignflow
