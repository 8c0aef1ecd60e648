#include "worker/alignment/reward.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "worker/alignment/mmd.h"
#include "worker/alignment/skl.h"
#include "worker/training/random_stream.h"

namespace alignflow {
namespace {

at::Tensor NormalRows(int64_t rows, int64_t width, uint64_t seed) {
  return at::randn({rows, width}, RandomStream(seed, RandomUse::kAlignStep), at::kDouble);
}

TEST(SymmetricKlTest, IsTheMeanOfBothDivergencesOfTheSoftmaxOfMeans) {
  // Means (0, ln 3) and (ln 3, 0): P = (1/4, 3/4), Q = (3/4, 1/4), KL(P||Q) = KL(Q||P) = ln(3)/2.
  const double l = std::log(3);
  const at::Tensor x = at::tensor({-1.0, l + 2, 1.0, l - 2}, at::kDouble).view({2, 2});
  const at::Tensor y = at::tensor({l, 0.0}, at::kDouble).view({1, 2});
  EXPECT_NEAR(SymmetricKl(x, y).item<double>(), l / 2, 1e-12);
  EXPECT_NEAR(SymmetricKl(y, x).item<double>(), l / 2, 1e-12);
  EXPECT_NEAR(SymmetricKl(x, x).item<double>(), 0, 1e-15);
  EXPECT_THROW(SymmetricKl(x, at::zeros({0, 2}, at::kDouble)), std::invalid_argument);
}

TEST(SymmetricKlTest, ItsGradientIsThatOfFiniteDifferences) {
  const at::Tensor x = NormalRows(3, 5, 1).requires_grad_(true), y = NormalRows(4, 5, 2);
  SymmetricKl(x, y).backward();
  for (int64_t i = 0; i < 5; ++i) {
    at::Tensor above = x.detach().clone(), below = x.detach().clone();
    above[1][i] += 1e-6;
    below[1][i] -= 1e-6;
    const double slope = (SymmetricKl(above, y) - SymmetricKl(below, y)).item<double>() / 2e-6;
    EXPECT_NEAR(x.grad()[1][i].item<double>(), slope, 1e-7);
  }
}

TEST(RewardTest, NamesAreThoseOfTheSetting) {
  const at::Tensor x = NormalRows(4, 5, 1), y = NormalRows(3, 5, 2);
  EXPECT_EQ(Misalignment(RewardNamed("mmd"), x, y).item<double>(),
            UnbiasedMmd(x, y).item<double>());
  EXPECT_EQ(Misalignment(RewardNamed("skl"), x, y).item<double>(),
            SymmetricKl(x, y).item<double>());
  EXPECT_THROW(RewardNamed("kl"), std::invalid_argument);
}

}  // namespace
}  // namespace alignflow
