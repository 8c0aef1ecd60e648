#include "worker/models/segmenters/unet_segmenter.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "worker/models/unet/merged_model.h"
#include "worker/training/optimizer.h"
#include "worker/training/random_stream.h"

namespace alignflow {
namespace {

// Dark images with one brighter disc each, and its mask.
struct Discs {
  at::Tensor images;   // [B,3,S,S] in [-1,1]
  at::Tensor classes;  // uint8 [B,S,S]
};

Discs DrawDiscs(int64_t count, int64_t size, uint64_t seed) {
  at::Generator random = RandomStream(seed, RandomUse::kBootstrap);
  const at::Tensor axis = at::arange(size, at::kFloat) / static_cast<double>(size);
  const at::Tensor x = at::rand({count, 1, 1}, random) * 0.5 + 0.25;
  const at::Tensor y = at::rand({count, 1, 1}, random) * 0.5 + 0.25;
  const at::Tensor inside =
      ((axis.view({1, 1, -1}) - x).square() + (axis.view({1, -1, 1}) - y).square()).lt(0.04);
  const at::Tensor noise = 0.3 * at::randn({count, 3, size, size}, random);
  return {(inside.unsqueeze(1) * 0.8 - 0.6 + noise).clamp(-1, 1), inside.to(at::kByte)};
}

TEST(UNetSegmenterTest, LogitsHaveTheImagesSizeAndOnePlaneAClass) {
  for (const int64_t size : {16, 48, 64, 144, 256}) {
    auto model = MakeSegmenter("unet", 3, size, 1, at::kCPU).model;
    const at::NoGradGuard no_grad;
    const at::Tensor logits = model->Logits(at::zeros({1, 3, size, size}));
    EXPECT_EQ(logits.sizes(), at::IntArrayRef({1, 3, size, size}));
    EXPECT_EQ(logits.scalar_type(), at::kFloat);
  }
  EXPECT_THROW(MakeSegmenter("unet", 2, 20, 1, at::kCPU), std::invalid_argument);
}

TEST(UNetSegmenterTest, TheSeedAloneTellsTheFirstWeights) {
  const auto weights = [](uint64_t seed) {
    return StateOf(*MakeSegmenter("unet", 2, 32, seed, at::kCPU).model).begin()->second;
  };
  at::rand({3});  // draws from the global generator in between change nothing
  EXPECT_TRUE(weights(7).equal(weights(7)));
  EXPECT_FALSE(weights(7).equal(weights(8)));
}

TEST(UNetSegmenterTest, ItLearnsToSeeDiscsThatItHasNotSeenBefore) {
  at::set_num_threads(1);
  constexpr int64_t kSize = 32;
  auto model = MakeSegmenter("unet", 2, kSize, 1, at::kCPU).model;
  AdamW optimizer(model->parameters());
  const auto test = DrawDiscs(16, kSize, 1000);
  const at::Tensor bytes = test.images.add(1).mul(127.5).round().to(at::kByte);
  const auto errors = [&] {
    return Segment(*model, bytes, at::kCPU).ne(test.classes).to(at::kFloat).mean().item<double>();
  };
  const double untrained = errors();
  model->train();
  for (int64_t step = 0; step < 60; ++step) {
    const Discs batch = DrawDiscs(8, kSize, step);
    SegmentationLoss(model->Logits(batch.images), batch.classes).backward();
    optimizer.Step(2e-3);
  }
  EXPECT_LT(errors(), 0.03);
  EXPECT_GT(untrained, 0.06) << "the test can fail";
}

TEST(UNetSegmenterTest, ItLearnsToSeeBoxesInVolumes) {
  at::set_num_threads(1);
  constexpr int64_t kSize = 16;
  auto model = MakeSegmenter("unet", 2, kSize, 1, at::kCPU, {}, /*dims=*/3).model;
  AdamW optimizer(model->parameters());
  const auto draw = [](int64_t count, uint64_t stream) {
    at::Generator random = RandomStream(1, RandomUse::kEvaluateStep, stream);
    const at::Tensor first = at::randint(0, 9, {count, 3}, random, at::kLong);
    at::Tensor inside = at::zeros({count, kSize, kSize, kSize}, at::kByte);
    for (int64_t i = 0; i < count; ++i) {
      at::Tensor box = inside[i];
      for (int64_t axis = 0; axis < 3; ++axis) {
        box = box.narrow(axis, first[i][axis].item<int64_t>(), 7);
      }
      box.fill_(1);
    }
    const at::Tensor noise = 0.3 * at::randn({count, 1, kSize, kSize, kSize}, random);
    return Discs{(inside.unsqueeze(1) * 0.8 - 0.6 + noise).clamp(-1, 1), inside};
  };
  const Discs test = draw(6, 1000);
  const at::Tensor bytes = test.images.add(1).mul(127.5).round().to(at::kByte);
  const auto errors = [&] {
    return Segment(*model, bytes, at::kCPU).ne(test.classes).to(at::kFloat).mean().item<double>();
  };
  const double untrained = errors();
  model->train();
  for (int64_t step = 0; step < 40; ++step) {
    const Discs batch = draw(4, step);
    SegmentationLoss(model->Logits(batch.images), batch.classes).backward();
    optimizer.Step(4e-3);
  }
  EXPECT_LT(errors(), 0.02);
  EXPECT_GT(untrained, 0.06) << "the test can fail";
  EXPECT_THROW(MakeSegmenter("unet-lite0", 2, 64, 1, at::kCPU, {}, /*dims=*/3),
               std::invalid_argument);
}

TEST(SegmentationLossTest, PerfectLogitsCostNothingAndReversedOnesMuch) {
  const Discs discs = DrawDiscs(2, 32, 1);
  const at::Tensor wanted = discs.classes.unsqueeze(1).eq(at::tensor({0, 1}).view({1, 2, 1, 1}));
  const at::Tensor logits = wanted.to(at::kFloat) * 40 - 20;
  EXPECT_LT(SegmentationLoss(logits, discs.classes).item<double>(), 1e-4);
  EXPECT_GT(SegmentationLoss(-logits, discs.classes).item<double>(), 10);
}

// Cross-entropy alone would hardly notice a small structure that is missed.
TEST(SegmentationLossTest, ASmallMissedStructureCostsItsWholeDice) {
  at::Tensor classes = at::zeros({1, 32, 32}, at::kByte);
  classes[0][5].narrow(0, 5, 8).fill_(1);
  const at::Tensor blind =
      at::stack({at::full({1, 32, 32}, 4.0), at::full({1, 32, 32}, -4.0)}, 1).to(at::kFloat);
  EXPECT_GT(SegmentationLoss(blind, classes).item<double>(), 0.75);
}

}  // namespace
}  // namespace alignflow
