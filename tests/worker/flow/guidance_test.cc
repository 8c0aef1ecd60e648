#include "worker/flow/guidance.h"

#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

namespace alignflow {
namespace {

// Answers the mean of the mask's class 1 per sample, plus t: what the mask says can be read off.
class MaskReader : public VelocityModel {
 public:
  at::Tensor Velocity(const at::Tensor& x, const at::Tensor& t,
                      const Condition& condition) override {
    batches.push_back(x.size(0));
    return at::zeros_like(x) + (condition.mask.select(1, 1).mean({1, 2}) + t).view({-1, 1, 1, 1});
  }
  std::vector<int64_t> batches;
};

Condition HalfMask() {
  Condition condition;
  condition.mask = at::zeros({3, 2, 4, 4});
  condition.mask.select(1, 0).fill_(0.5);
  condition.mask.select(1, 1).fill_(0.5);
  return condition;
}

TEST(GuidanceTest, StressesTheMaskAgainstNone) {
  MaskReader model;
  GuidedVelocity guided(model, 4);
  const at::Tensor x = at::zeros({3, 1, 2, 2}), t = at::tensor({0.0f, 0.5f, 1.0f});
  const at::Tensor velocity = guided.Velocity(x, t, HalfMask());
  // v(none) = t and v(mask) = t + 0.5.
  EXPECT_TRUE(at::allclose(velocity.mean({1, 2, 3}), t + 4 * 0.5));
  EXPECT_EQ(model.batches, std::vector<int64_t>{6});
}

TEST(GuidanceTest, ScaleOneIsTheModelItselfAtTheCostOfOneCall) {
  MaskReader model;
  GuidedVelocity guided(model, 1);
  const at::Tensor x = at::zeros({3, 1, 2, 2}), t = at::zeros({3});
  EXPECT_TRUE(at::equal(guided.Velocity(x, t, HalfMask()), model.Velocity(x, t, HalfMask())));
  EXPECT_EQ(model.batches, (std::vector<int64_t>{3, 3}));
}

TEST(GuidanceTest, IsHeldAgainstWhatDroppedMasksAre) {
  // Answers how much of any class there is: 1 under every mask, that of background alone too.
  class PlaneCounter : public VelocityModel {
   public:
    at::Tensor Velocity(const at::Tensor& x, const at::Tensor&,
                        const Condition& condition) override {
      return at::zeros_like(x) + condition.mask.sum(1).mean({1, 2}).view({-1, 1, 1, 1});
    }
  } model;
  at::Generator random = at::detail::createCPUGenerator(1);
  Condition dropped = HalfMask();
  DropConditions(dropped, 1, random);
  const at::Tensor x = at::zeros({3, 1, 2, 2}), t = at::zeros({3});
  EXPECT_TRUE(at::equal(model.Velocity(x, t, dropped), at::zeros_like(x)));
  EXPECT_TRUE(at::equal(GuidedVelocity(model, 3).Velocity(x, t, HalfMask()), at::full_like(x, 3)));
}

TEST(GuidanceTest, DropsTheMasksOfAShareOfTheSamples) {
  Condition condition;
  condition.mask = at::ones({4000, 2, 1, 1});
  at::Generator random = at::detail::createCPUGenerator(1);
  DropConditions(condition, 0.1, random);
  const at::Tensor kept = condition.mask.amax({1, 2, 3});
  EXPECT_TRUE(at::equal(kept, condition.mask.amin({1, 2, 3}))) << "a mask was taken in part";
  EXPECT_NEAR(kept.mean().item<double>(), 0.9, 0.02);
}

TEST(GuidanceTest, ThatDropsNothingDrawsNothing) {
  Condition condition = HalfMask();
  at::Generator random = at::detail::createCPUGenerator(1);
  DropConditions(condition, 0, random);
  EXPECT_TRUE(at::equal(condition.mask, HalfMask().mask));
  EXPECT_TRUE(at::equal(at::rand({2}, random), at::rand({2}, at::detail::createCPUGenerator(1))));
}

TEST(GuidanceTest, AClassGoesWithItsMask) {
  Condition condition;
  condition.mask = at::ones({400, 2, 1, 1});
  condition.class_labels = at::arange(400, at::kLong).remainder(3);
  condition.no_class = 3;
  const at::Tensor labels = condition.class_labels;
  at::Generator random = at::detail::createCPUGenerator(1);
  DropConditions(condition, 0.5, random);
  const at::Tensor kept = condition.mask.amax({1, 2, 3}).gt(0);
  EXPECT_TRUE(at::equal(condition.class_labels, at::where(kept, labels, at::full_like(labels, 3))));
}

TEST(GuidanceTest, StressesTheClassAgainstNone) {
  // Answers the class's number.
  class ClassReader : public VelocityModel {
   public:
    at::Tensor Velocity(const at::Tensor& x, const at::Tensor&,
                        const Condition& condition) override {
      return at::zeros_like(x) + condition.class_labels.to(x.dtype()).view({-1, 1, 1, 1});
    }
  } model;
  Condition condition = HalfMask();
  condition.class_labels = at::tensor({0, 1, 2}, at::kLong);
  condition.no_class = 4;
  const at::Tensor x = at::zeros({3, 1, 1, 1});
  const at::Tensor velocity = GuidedVelocity(model, 2).Velocity(x, at::zeros({3}), condition);
  // 4 + 2 (class - 4).
  EXPECT_TRUE(at::equal(velocity.flatten(), at::tensor({-4.0f, -2.0f, 0.0f})));
}

TEST(GuidanceTest, NeedsAMask) {
  MaskReader model;
  GuidedVelocity guided(model, 2);
  EXPECT_THROW(guided.Velocity(at::zeros({1, 1, 2, 2}), at::zeros({1}), {}), std::invalid_argument);
}

}  // namespace
}  // namespace alignflow
