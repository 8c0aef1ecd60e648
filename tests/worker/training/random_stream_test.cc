#include "worker/training/random_stream.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <set>

#include "worker/training/epoch_order.h"

namespace alignflow {
namespace {

at::Tensor Draw(uint64_t seed, RandomUse use, uint64_t index) {
  return at::randn({32}, RandomStream(seed, use, index));
}

TEST(RandomStreamTest, DependsOnEveryBitOfItsThreeArgumentsAndNothingElse) {
  const at::Tensor numbers = Draw(1, RandomUse::kFitStep, 2);
  at::rand({100});  // the global generator has no part in it
  EXPECT_TRUE(at::equal(numbers, Draw(1, RandomUse::kFitStep, 2)));
  constexpr uint64_t kHigh = uint64_t{1} << 32;
  for (const at::Tensor& other :
       {Draw(3, RandomUse::kFitStep, 2), Draw(1 + kHigh, RandomUse::kFitStep, 2),
        Draw(1, RandomUse::kAlignStep, 2), Draw(1, RandomUse::kFitStep, 3),
        Draw(1, RandomUse::kFitStep, 2 + kHigh)}) {
    EXPECT_FALSE(at::allclose(numbers, other));
  }
}

TEST(RandomStreamTest, NormalNumbersAreNormal) {
  const at::Tensor numbers = at::randn({100000}, RandomStream(7, RandomUse::kPairNoise, 1));
  EXPECT_NEAR(numbers.mean().item<double>(), 0, 0.02);
  EXPECT_NEAR(numbers.std().item<double>(), 1, 0.02);
}

TEST(RandomStreamTest, NeighbouringStreamsAreUncorrelated) {
  const at::Tensor a = at::randn({100000}, RandomStream(7, RandomUse::kPairNoise, 1));
  const at::Tensor b = at::randn({100000}, RandomStream(7, RandomUse::kPairNoise, 2));
  EXPECT_NEAR((a * b).mean().item<double>(), 0, 0.02);
}

TEST(EpochOrderTest, EveryItemComesOnceAnEpochAndEpochsDiffer) {
  EpochOrder order(10, 3, RandomUse::kPairMask);
  const at::Tensor items = order.Items(0, 30);
  std::set<std::string> orders;
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    const at::Tensor part = items.slice(0, 10 * epoch, 10 * (epoch + 1));
    EXPECT_TRUE(at::equal(std::get<0>(part.sort()), at::arange(10)));
    std::string text;
    for (int64_t i = 0; i < 10; ++i) text += std::to_string(part[i].item<int64_t>()) + " ";
    orders.insert(text);
  }
  EXPECT_EQ(orders.size(), 3u);
}

TEST(EpochOrderTest, APositionHasTheSameItemHoweverItIsAskedFor) {
  EpochOrder whole(7, 3, RandomUse::kPairMask), parts(7, 3, RandomUse::kPairMask);
  const at::Tensor all = whole.Items(0, 25);
  EXPECT_TRUE(at::equal(parts.Items(19, 6), all.slice(0, 19, 25)));
  EXPECT_TRUE(at::equal(parts.Items(2, 17), all.slice(0, 2, 19)));
}

}  // namespace
}  // namespace alignflow
