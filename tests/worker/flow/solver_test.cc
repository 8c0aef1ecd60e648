#include "worker/flow/solver.h"

#include <gtest/gtest.h>

#include <cmath>

#include "worker/flow/path.h"

namespace alignflow {
namespace {

// dx/dt = rate x + t, whose solution is known.
class LinearField : public VelocityModel {
 public:
  explicit LinearField(double rate) : rate_(rate) {}
  at::Tensor Velocity(const at::Tensor& x, const at::Tensor& t, const Condition&) override {
    times.push_back(t[0].item<double>());
    return rate_ * x + TimeLike(t, x);
  }
  // At t = 1 from x(0) = x0.
  double Solution(double x0) const {
    return (x0 + 1 / (rate_ * rate_)) * std::exp(rate_) - 1 / rate_ - 1 / (rate_ * rate_);
  }
  std::vector<double> times;

 private:
  double rate_;
};

double ErrorWith(int64_t steps, SolverKind kind = SolverKind::kEuler) {
  LinearField field(-1.5);
  const at::Tensor x =
      Solve(kind, field, at::full({2, 3, 4}, 2.0, at::kDouble), UniformTimes(steps), {});
  return (x - field.Solution(2.0)).abs().max().item<double>();
}

TEST(SolverTest, EulerReachesAKnownSolutionWithFirstOrder) {
  EXPECT_LT(ErrorWith(1000), 2e-3);
  EXPECT_NEAR(ErrorWith(100) / ErrorWith(200), 2.0, 0.05);
  EXPECT_NEAR(ErrorWith(200) / ErrorWith(400), 2.0, 0.03);
}

TEST(SolverTest, HigherMethodsReachItWithTheirOrder) {
  for (const SolverKind kind : {SolverKind::kMidpoint, SolverKind::kHeun}) {
    EXPECT_NEAR(ErrorWith(40, kind) / ErrorWith(80, kind), 4.0, 0.25);
  }
  EXPECT_NEAR(ErrorWith(10, SolverKind::kRk4) / ErrorWith(20, SolverKind::kRk4), 16.0, 3.0);
  EXPECT_LT(ErrorWith(10, SolverKind::kRk4), ErrorWith(10, SolverKind::kHeun) / 50);
}

TEST(SolverTest, NoMethodAsksForTheVelocityAtTheData) {
  for (const char* name : {"euler", "midpoint", "heun", "rk4"}) {
    LinearField field(1);
    Solve(SolverNamed(name), field, at::zeros({1, 1}), UniformTimes(3), {});
    for (const double time : field.times) EXPECT_LT(time, 0.95) << name;
  }
  EXPECT_THROW(SolverNamed("adams"), std::invalid_argument);
}

TEST(SolverTest, AStraightPathIsExactInOneStep) {
  class Straight : public VelocityModel {
   public:
    at::Tensor Velocity(const at::Tensor& x, const at::Tensor&, const Condition&) override {
      return at::full_like(x, 3);
    }
  } field;
  for (const char* name : {"euler", "midpoint", "heun", "rk4"}) {
    for (const auto& times : {UniformTimes(1), std::vector<double>{0, 0.5, 1}}) {
      const at::Tensor x = Solve(SolverNamed(name), field, at::zeros({1, 2}), times, {});
      EXPECT_TRUE(at::allclose(x, at::full({1, 2}, 3.0))) << name;
    }
  }
}

TEST(SolverTest, VelocitiesAreAskedForAtEachStepsBeginning) {
  LinearField field(1);
  int64_t calls = 0;
  SolveEuler(field, at::zeros({1, 1}), {0.25, 0.5, 1.0}, {},
             [&](int64_t step) { EXPECT_EQ(step, calls++); });
  EXPECT_EQ(field.times, (std::vector<double>{0.25, 0.5}));
  EXPECT_EQ(calls, 2);
}

TEST(SolverTest, AGridBeginsAtThePointNearestToTheStartAndKeepsOneStep) {
  EXPECT_EQ(UniformTimes(4), (std::vector<double>{0, 0.25, 0.5, 0.75, 1}));
  EXPECT_EQ(UniformTimes(4, 0.6), (std::vector<double>{0.5, 0.75, 1}));
  EXPECT_EQ(UniformTimes(4, 1), (std::vector<double>{0.75, 1}));
  EXPECT_THROW(UniformTimes(0), std::invalid_argument);
  EXPECT_THROW(UniformTimes(4, 1.5), std::invalid_argument);
}

TEST(SolverTest, WhatTheObserverThrowsEndsTheSolution) {
  LinearField field(1);
  const auto stop = [](int64_t step) {
    if (step == 1) throw std::runtime_error("stop");
  };
  EXPECT_THROW(SolveEuler(field, at::zeros({1, 1}), UniformTimes(9), {}, stop), std::runtime_error);
  EXPECT_EQ(field.times.size(), 1u);
}

TEST(PathTest, RunsFromNoiseToDataAtItsVelocity) {
  const at::Tensor data = at::full({2, 1, 2}, 5.0), noise = at::full({2, 1, 2}, -1.0);
  const at::Tensor ends = PathPoint(data, noise, at::tensor({0.0f, 1.0f}));
  EXPECT_TRUE(at::equal(ends[0], noise[0]));
  EXPECT_TRUE(at::equal(ends[1], data[1]));
  const at::Tensor later = PathPoint(data, noise, at::full({2}, 0.5f));
  const at::Tensor earlier = PathPoint(data, noise, at::full({2}, 0.25f));
  EXPECT_TRUE(at::allclose((later - earlier) / 0.25, PathVelocity(data, noise)));
}

}  // namespace
}  // namespace alignflow
