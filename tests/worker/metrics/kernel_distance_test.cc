#include "worker/metrics/kernel_distance.h"

#include <gtest/gtest.h>

#include "worker/metrics/bootstrap.h"
#include "worker/metrics/distribution.h"

namespace alignflow {
namespace {

at::Generator SeededBy(uint64_t seed) { return at::detail::createCPUGenerator(seed); }

at::Tensor NormalRows(int64_t rows, int64_t width, uint64_t seed) {
  return at::randn({rows, width}, SeededBy(seed), at::kDouble);
}

TEST(KernelDistanceTest, AResampleComparesNoMemberWithItself) {
  const at::Tensor x = NormalRows(12, 3, 1), y = NormalRows(9, 3, 2);
  const KernelDistance distance(x, y);
  EXPECT_NEAR(distance.Value(), Mmd(x, y), 1e-9);
  // Every member twice: the same sets as before.
  const at::Tensor twice =
      distance.Values(at::full({1, 12}, 2.0, at::kDouble), at::full({1, 9}, 2.0, at::kDouble));
  EXPECT_NEAR(twice.item<double>(), Mmd(x, y), 1e-9);
  // Some members only: the subsets' own figure.
  const at::Tensor first = at::zeros({1, 12}, at::kDouble);
  first.slice(1, 0, 5).fill_(1);
  EXPECT_NEAR(distance.Values(first, at::ones({1, 9}, at::kDouble)).item<double>(),
              Mmd(x.slice(0, 0, 5), y), 1e-9);
}

TEST(KernelDistanceTest, SubsetsSpreadAroundTheWhole) {
  const KernelDistance distance(NormalRows(80, 3, 1), NormalRows(70, 3, 2) + 0.3);
  const KernelDistance::Spread spread = distance.OverSubsets(200, 30, SeededBy(3));
  EXPECT_GT(spread.deviation, 0);
  EXPECT_NEAR(spread.mean, distance.Value(), 4 * spread.deviation / std::sqrt(200.0));
}

TEST(KernelDistanceTest, OneDistributionIsToldFromTwo) {
  EXPECT_GT(SameDistributionPValue(NormalRows(40, 4, 1), NormalRows(10, 4, 2), 200, SeededBy(5)),
            0.05);
  EXPECT_LT(
      SameDistributionPValue(NormalRows(40, 4, 1), NormalRows(10, 4, 2) + 1.5, 200, SeededBy(5)),
      0.02);
}

TEST(KernelDistanceTest, CopiesOfMembersAreNoOtherDistribution) {
  const at::Tensor x = NormalRows(30, 4, 1);
  EXPECT_GT(SameDistributionPValue(x, x.slice(0, 0, 8), 200, SeededBy(5)), 0.05);
}

TEST(BootstrapTest, TheIntervalHoldsTheFigureAndNarrowsWithMoreImages) {
  const at::Tensor many = at::randn({400}, SeededBy(1), at::kDouble);
  const Interval wide = IntervalOfMean(many.slice(0, 0, 25), 400, SeededBy(2));
  const Interval narrow = IntervalOfMean(many, 400, SeededBy(2));
  const double mean = many.mean().item<double>();
  EXPECT_LT(narrow.low, mean);
  EXPECT_GT(narrow.high, mean);
  // Of a standard deviation of 1: 2 * 1.96 / sqrt(N).
  EXPECT_NEAR(narrow.high - narrow.low, 2 * 1.96 / 20, 0.04);
  EXPECT_NEAR(wide.high - wide.low, 2 * 1.96 / 5, 0.25);
}

TEST(BootstrapTest, AFrechetDistancesIntervalIsNotMovedByRepeatedImages) {
  const at::Tensor x = NormalRows(40, 8, 1), y = NormalRows(40, 8, 2);
  const double value = FrechetDistance(x, y);
  const at::Tensor values = ResampleFigure(FrechetDistance, x, y, 50, SeededBy(3));
  EXPECT_GT(values.mean().item<double>(), value) << "resamples alone are biased";
  const Interval interval = PercentileInterval(values, value);
  EXPECT_LT(interval.low, value);
  EXPECT_GT(interval.high, value);
}

}  // namespace
}  // namespace alignflow
