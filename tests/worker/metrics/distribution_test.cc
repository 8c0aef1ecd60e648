#include "worker/metrics/distribution.h"

#include <gtest/gtest.h>

namespace alignflow {
namespace {

at::Tensor Normal(int64_t rows, int64_t width, uint64_t seed) {
  return at::randn({rows, width}, at::detail::createCPUGenerator(seed), at::kDouble);
}

TEST(DistributionTest, FrechetDistanceOfShiftedAndScaledGaussiansIsKnown) {
  const at::Tensor x = Normal(500, 4, 1);
  EXPECT_NEAR(FrechetDistance(x, x), 0, 1e-6);
  EXPECT_NEAR(FrechetDistance(x, x + 2), 4 * 4, 1e-6);
  // tr(C + 9C - 2 * 3C) = 4 tr C, and means that differ by twice the mean.
  const double expected =
      4 * at::cov(x.t()).trace().item<double>() + (2 * x.mean(0)).square().sum().item<double>();
  EXPECT_NEAR(FrechetDistance(x, 3 * x), expected, 1e-6);
}

TEST(DistributionTest, FrechetDistanceTakesFewerImagesThanFeatures) {
  const double distance = FrechetDistance(Normal(5, 20, 1), Normal(6, 20, 2));
  EXPECT_TRUE(std::isfinite(distance));
  EXPECT_GT(distance, 0);
}

TEST(DistributionTest, MeanPairwiseDistanceLeavesOutAnImageToItself) {
  EXPECT_NEAR(MeanPairwiseDistance(at::tensor({0.0, 0.0, 3.0, 4.0}).view({2, 2})), 5, 1e-9);
  EXPECT_THROW(MeanPairwiseDistance(Normal(1, 3, 1)), std::invalid_argument);
}

TEST(DistributionTest, RoughnessIsTheEnergyOfTheFinestDetail) {
  const at::Tensor flat = at::full({2, 3, 8, 8}, 0.3);
  EXPECT_NEAR(Roughness(flat).max().item<double>(), 0, 1e-12);
  const at::Tensor sign = at::tensor({1.0, -1.0}).repeat({4});
  const at::Tensor checkers = at::outer(sign, sign).view({1, 1, 8, 8}).expand({2, 3, 8, 8});
  EXPECT_NEAR(Roughness(0.1 * checkers).mean().item<double>(), 0.01 * 4, 1e-9);
  const at::Tensor slope = at::linspace(-1, 1, 8).view({1, 1, 1, 8}).expand({2, 3, 8, 8});
  EXPECT_NEAR(Roughness(slope).max().item<double>(), 0, 1e-12);
}

}  // namespace
}  // namespace alignflow
