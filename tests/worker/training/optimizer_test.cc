#include "worker/training/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "worker/training/ema.h"

namespace alignflow {
namespace {

TEST(LearningRateTest, RisesToThePeakAndFallsToATwentieth) {
  EXPECT_DOUBLE_EQ(LearningRate(0, 100, 10, 2.0), 0.2);
  EXPECT_DOUBLE_EQ(LearningRate(9, 100, 10, 2.0), 2.0);
  EXPECT_DOUBLE_EQ(LearningRate(10, 100, 10, 2.0), 2.0);
  EXPECT_NEAR(LearningRate(55, 100, 10, 2.0), 2.0 * (0.05 + 0.95 / 2), 1e-9);
  EXPECT_NEAR(LearningRate(100, 100, 10, 2.0), 0.1, 1e-9);
  for (int64_t step = 10; step < 99; ++step) {
    EXPECT_GT(LearningRate(step, 100, 10, 1.0), LearningRate(step + 1, 100, 10, 1.0));
  }
}

// AdamW by hand, in double precision.
struct ScalarAdamW {
  double p, m = 0, v = 0;
  int n = 0;
  void Step(double g, double rate) {
    ++n;
    p -= rate * 0.01 * p;
    m = 0.9 * m + 0.1 * g;
    v = 0.99 * v + 0.01 * g * g;
    p -= rate * (m / (1 - std::pow(0.9, n))) / (std::sqrt(v / (1 - std::pow(0.99, n))) + 1e-8);
  }
};

TEST(AdamWTest, IsTheFormula) {
  const at::Tensor parameter = at::full({1}, 0.7).requires_grad_(true);
  AdamW optimizer({parameter});
  ScalarAdamW expected{.p = 0.7};
  for (int i = 0; i < 20; ++i) {
    const double gradient = 0.3 * std::cos(i);  // below the clipping norm
    (parameter * gradient).sum().backward();
    optimizer.Step(0.01);
    expected.Step(gradient, 0.01);
    EXPECT_NEAR(parameter.item<double>(), expected.p, 1e-6);
    EXPECT_FALSE(parameter.grad().defined());
  }
}

TEST(AdamWTest, EachParameterLearnsAtItsOwnShareOfTheRate) {
  const at::Tensor a = at::full({1}, 0.7).requires_grad_(true);
  const at::Tensor b = at::full({1}, 0.7).requires_grad_(true);
  const at::Tensor c = at::full({1}, 0.7).requires_grad_(true);
  AdamW optimizer({a, b, c}, {1, 0.3, 1});
  ScalarAdamW whole{.p = 0.7}, part{.p = 0.7};
  for (int i = 0; i < 5; ++i) {
    ((a + b + c) * 0.2).sum().backward();
    optimizer.Step(0.01);
    whole.Step(0.2, 0.01);
    part.Step(0.2, 0.003);
  }
  EXPECT_NEAR(a.item<double>(), whole.p, 1e-6);
  EXPECT_NEAR(b.item<double>(), part.p, 1e-6);
  EXPECT_NEAR(c.item<double>(), whole.p, 1e-6);
  EXPECT_THROW(AdamW({a, b}, {1}), std::invalid_argument);
}

TEST(AdamWTest, GradientsAreClippedToNormOneTogether) {
  const at::Tensor a = at::zeros({1}).requires_grad_(true), b = at::zeros({1}).requires_grad_(true);
  AdamW optimizer({a, b});
  (30 * a + 40 * b).sum().backward();
  optimizer.Step(0.1);
  EXPECT_NEAR(optimizer.first_moments()[0].item<double>(), 0.1 * 0.6, 1e-5);
  EXPECT_NEAR(optimizer.first_moments()[1].item<double>(), 0.1 * 0.8, 1e-5);
}

// The fused update addresses memory: a gradient in another layout than its parameter must not be
// mixed up.
TEST(AdamWTest, AGradientInAnotherLayoutMeetsItsOwnParameter) {
  const at::Tensor plain = at::zeros({2, 3, 4, 4}).requires_grad_(true);
  const at::Tensor last =
      at::zeros({2, 3, 4, 4}).contiguous(at::MemoryFormat::ChannelsLast).requires_grad_(true);
  const at::Tensor gradient = at::linspace(-0.1, 0.1, 96).view({2, 3, 4, 4});
  plain.mutable_grad() = gradient.clone();
  last.mutable_grad() = gradient.clone();
  AdamW(std::vector<at::Tensor>{plain}).Step(0.01);
  AdamW(std::vector<at::Tensor>{last}).Step(0.01);
  EXPECT_TRUE(at::allclose(plain, last));
}

TEST(AdamWTest, AParameterWithoutAGradientOnlyDecays) {
  const at::Tensor used = at::ones({1}).requires_grad_(true);
  const at::Tensor unused = at::ones({1}).requires_grad_(true);
  AdamW optimizer({used, unused});
  used.sum().backward();
  optimizer.Step(0.1);
  EXPECT_NEAR(unused.item<double>(), 1 - 0.1 * 0.01, 1e-6);
}

TEST(EmaTest, FollowsTheFormulaWithItsRamp) {
  const at::Tensor parameter = at::zeros({1});
  Ema ema({parameter}, 0.5);
  double expected = 0;
  for (int n = 1; n <= 20; ++n) {
    parameter.fill_(n);
    ema.Update({parameter});
    const double decay = std::min(0.5, (1.0 + n) / (10.0 + n));
    expected = decay * expected + (1 - decay) * n;
    EXPECT_NEAR(ema.averages()[0].item<double>(), expected, 1e-5);
  }
  ema.CopyTo({parameter});
  EXPECT_NEAR(parameter.item<double>(), expected, 1e-5);
}

}  // namespace
}  // namespace alignflow
