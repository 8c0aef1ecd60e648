#include "worker/flow/adaptive_solver.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "worker/flow/path.h"
#include "worker/flow/solver.h"

namespace alignflow {
namespace {

// dx/dt = rate x + t, whose solution is known.
class AdaptiveField : public VelocityModel {
 public:
  explicit AdaptiveField(double rate) : rate_(rate) {}
  at::Tensor Velocity(const at::Tensor& x, const at::Tensor& t, const Condition&) override {
    ++evaluations;
    latest = std::max(latest, t.max().item<double>());
    return rate_ * x + TimeLike(t.to(x.scalar_type()), x);
  }
  // At t from x(0) = x0.
  double Solution(double x0, double t) const {
    return (x0 + 1 / (rate_ * rate_)) * std::exp(rate_ * t) - t / rate_ - 1 / (rate_ * rate_);
  }
  int64_t evaluations = 0;
  double latest = 0;

 private:
  double rate_;
};

// Data at one point, as a model that predicts them has it: v = (data - x) / (1 - t).
class PointField : public VelocityModel {
 public:
  at::Tensor Velocity(const at::Tensor& x, const at::Tensor& t, const Condition&) override {
    return (3 - x) / TimeLike(1 - t, x);
  }
};

constexpr double kStart = 2;

// Of one step of each of the lengths 1/steps.
double ErrorOfFixedSteps(int64_t steps) {
  AdaptiveField field(-1.5);
  const auto ones = [](double value) { return at::full({1}, value, at::kDouble); };
  at::Tensor x = at::full({1, 2}, kStart, at::kDouble);
  at::Tensor velocity = field.Velocity(x, ones(0), {});
  const double length = 0.8 / static_cast<double>(steps);
  for (int64_t i = 0; i < steps; ++i) {
    const DormandPrinceStep step = StepOfDormandPrince(
        field, x, velocity, ones(static_cast<double>(i) * length), ones(length), {});
    x = step.x;
    velocity = step.last;
  }
  return std::abs(x[0][0].item<double>() - field.Solution(kStart, 0.8));
}

TEST(AdaptiveSolverTest, StepsOfDormandAndPrinceAreOfOrderFive) {
  // Models take times in single precision, whose rounding shorter steps would meet.
  EXPECT_NEAR(ErrorOfFixedSteps(6) / ErrorOfFixedSteps(12), 32, 9);
  EXPECT_NEAR(ErrorOfFixedSteps(8) / ErrorOfFixedSteps(16), 32, 5);
}

TEST(AdaptiveSolverTest, TheErrorOfAStepIsEstimatedWithOrderFive) {
  AdaptiveField field(-1.5);
  const at::Tensor x = at::full({2, 1}, kStart, at::kDouble);
  const at::Tensor from = at::zeros({2}, at::kDouble);
  const DormandPrinceStep step = StepOfDormandPrince(field, x, field.Velocity(x, from, {}), from,
                                                     at::tensor({0.2, 0.1}, at::kDouble), {});
  const double ratio = (step.error[0] / step.error[1]).abs().item<double>();
  EXPECT_NEAR(ratio, 32, 4);
}

TEST(AdaptiveSolverTest, TheSolutionIsAsNearAsTheToleranceAsks) {
  int64_t evaluations = 0;
  for (const double tolerance : {1e-2, 1e-4, 1e-6, 1e-8}) {
    AdaptiveField field(-6);
    const at::Tensor x = SolveAdaptively(field, at::full({2, 3}, kStart, at::kDouble), 0, 0.9, 0.05,
                                         {}, {.rtol = tolerance, .atol = tolerance});
    EXPECT_LT((x - field.Solution(kStart, 0.9)).abs().max().item<double>(), 10 * tolerance);
    EXPECT_GE(field.evaluations, evaluations) << "less tolerance takes no fewer evaluations";
    evaluations = field.evaluations;
  }
}

TEST(AdaptiveSolverTest, ASampleDoesNotDependOnOthersInItsBatch) {
  AdaptiveField field(-6);
  const Tolerance tolerance{.rtol = 1e-5, .atol = 1e-5};
  const auto solve = [&](const at::Tensor& x) {
    return SolveAdaptively(field, x, 0, 0.95, 0.1, {}, tolerance);
  };
  const at::Tensor easy = at::full({1, 3}, 1e-3, at::kDouble);
  const at::Tensor hard = at::full({1, 3}, 1e4, at::kDouble);
  const at::Tensor together = solve(at::cat({easy, hard}));
  EXPECT_TRUE(at::equal(together.slice(0, 0, 1), solve(easy)));
  EXPECT_TRUE(at::equal(together.slice(0, 1, 2), solve(hard)));
}

TEST(AdaptiveSolverTest, TooManyEvaluationsEndWithTheRemedy) {
  AdaptiveField field(-1.5);
  try {
    SolveAdaptively(field, at::full({1, 1}, kStart, at::kDouble), 0, 1, 1e-6, {},
                    {.rtol = 1e-14, .atol = 1e-14, .most_evaluations = 60});
    FAIL() << "it ended";
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("raise generate.rtol"), std::string::npos);
  }
  EXPECT_LE(field.evaluations, 60);
}

TEST(AdaptiveSolverTest, AVelocityThatIsNoNumberEnds) {
  class Broken : public VelocityModel {
   public:
    at::Tensor Velocity(const at::Tensor& x, const at::Tensor&, const Condition&) override {
      return at::full_like(x, NAN);
    }
  } field;
  EXPECT_THROW(SolveAdaptively(field, at::zeros({1, 1}), 0, 1, 0.1, {}, {}), std::invalid_argument);
}

TEST(AdaptiveSolverTest, Dopri5IsASolverAmongOthersAndNeverLooksAtTheData) {
  AdaptiveField field(-1.5);
  const Solver dopri5(SolverNamed("dopri5"), {.rtol = 1e-8, .atol = 1e-8});
  const at::Tensor x =
      Solve(dopri5, field, at::full({2, 3}, kStart, at::kDouble), UniformTimes(5), {});
  EXPECT_NEAR(x[0][0].item<double>(), field.Solution(kStart, 1), 1e-6);
  EXPECT_LT(field.latest, 0.999);
  const at::Tensor part =
      Solve(dopri5, field, at::full({1, 1}, kStart, at::kDouble), {0, 0.2, 0.9}, {});
  EXPECT_NEAR(part.item<double>(), field.Solution(kStart, 0.9), 1e-6);
  const at::Tensor still = at::full({1, 1}, kStart);
  EXPECT_TRUE(at::equal(Solve(dopri5, field, still, {0.9}, {}), still));
}

TEST(AdaptiveSolverTest, Dopri5ReachesDataThatTheModelPredicts) {
  PointField field;
  const at::Tensor x =
      Solve(Solver(SolverKind::kDopri5), field, at::full({1, 4}, -1.0), UniformTimes(10, 0.3), {});
  EXPECT_LT((x - 3).abs().max().item<double>(), 1e-3);
}

TEST(AdaptiveSolverTest, WhatTheObserverThrowsEndsTheSolution) {
  AdaptiveField field(1);
  const auto stop = [](int64_t step) {
    if (step == 1) throw std::runtime_error("stop");
  };
  EXPECT_THROW(
      SolveAdaptively(field, at::zeros({1, 1}), 0, 1, 0.01, {}, {.rtol = 1e-9, .atol = 1e-9}, stop),
      std::runtime_error);
}

}  // namespace
}  // namespace alignflow
