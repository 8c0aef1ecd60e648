#include "worker/alignment/mmd.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <cmath>

namespace alignflow {
namespace {

at::Tensor Normal(int64_t rows, int64_t width, uint64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  return at::randn({rows, width}, generator, at::kDouble);
}

double Kernel(const at::Tensor& a, const at::Tensor& b) {
  return std::pow(a.dot(b).item<double>() / static_cast<double>(a.size(0)) + 1, 3);
}

// The formula, term by term.
double BruteForce(const at::Tensor& x, const at::Tensor& y) {
  const int64_t m = x.size(0), n = y.size(0);
  double xx = 0, xy = 0, yy = 0;
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < m; ++j) xx += i == j ? 0 : Kernel(x[i], x[j]);
    for (int64_t j = 0; j < n; ++j) xy += Kernel(x[i], y[j]);
  }
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) yy += i == j ? 0 : Kernel(y[i], y[j]);
  }
  const double last = n == 1 ? 0 : yy / static_cast<double>(n * (n - 1));
  return xx / static_cast<double>(m * (m - 1)) - 2 * xy / static_cast<double>(m * n) + last;
}

TEST(MmdTest, IsTheFormulaTermByTerm) {
  for (const auto& [m, n] : {std::pair{2, 2}, {5, 3}, {4, 10}}) {
    const at::Tensor x = Normal(m, 7, 1), y = Normal(n, 7, 2) + 0.5;
    EXPECT_NEAR(UnbiasedMmd(x, y).item<double>(), BruteForce(x, y), 1e-10);
  }
}

TEST(MmdTest, WithOneReferenceTheLastTermIsLeftOut) {
  const at::Tensor x = Normal(4, 5, 3), y = Normal(1, 5, 4);
  EXPECT_NEAR(UnbiasedMmd(x, y).item<double>(), BruteForce(x, y), 1e-10);
}

TEST(MmdTest, ASingleGeneratedImageAndNoReferenceAreRefused) {
  EXPECT_THROW(UnbiasedMmd(Normal(1, 5, 1), Normal(3, 5, 2)), std::invalid_argument);
  EXPECT_THROW(UnbiasedMmd(Normal(3, 5, 1), at::zeros({0, 5}, at::kDouble)), std::invalid_argument);
}

TEST(MmdTest, GradientsMatchFiniteDifferences) {
  at::Tensor x = Normal(4, 3, 5);
  const at::Tensor y = Normal(3, 3, 6);
  x.requires_grad_(true);
  UnbiasedMmd(x, y).backward();
  const at::NoGradGuard no_grad;
  constexpr double kStep = 1e-5;
  for (int64_t i = 0; i < x.numel(); ++i) {
    const at::Tensor above = x.detach().clone(), below = x.detach().clone();
    above.view(-1)[i] += kStep;
    below.view(-1)[i] -= kStep;
    const double slope =
        (UnbiasedMmd(above, y) - UnbiasedMmd(below, y)).item<double>() / (2 * kStep);
    EXPECT_NEAR(x.grad().view(-1)[i].item<double>(), slope, 1e-6);
  }
}

// Over many small samples of one distribution the mean is zero within its own standard error; the
// biased estimate would be far above it.
TEST(MmdTest, IsUnbiased) {
  constexpr int kTrials = 2000;
  double sum = 0, squares = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    const double mmd =
        UnbiasedMmd(Normal(4, 6, 10 + trial), Normal(5, 6, 100000 + trial)).item<double>();
    sum += mmd;
    squares += mmd * mmd;
  }
  const double mean = sum / kTrials;
  const double error = std::sqrt((squares / kTrials - mean * mean) / kTrials);
  EXPECT_LT(std::abs(mean), 4 * error);
  EXPECT_LT(error, 0.1) << "the test could not tell";
}

TEST(MmdTest, GrowsWithTheDistance) {
  const at::Tensor x = Normal(64, 8, 7), y = Normal(64, 8, 8);
  EXPECT_LT(UnbiasedMmd(x, y).item<double>(), UnbiasedMmd(x, y + 0.5).item<double>());
  EXPECT_LT(UnbiasedMmd(x, y + 0.5).item<double>(), UnbiasedMmd(x, y + 1).item<double>());
}

}  // namespace
}  // namespace alignflow
