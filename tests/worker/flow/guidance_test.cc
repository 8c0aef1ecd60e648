#include "worker/flow/guidance.h"

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

TEST(GuidanceTest, StressesTheMaskAgainstAnEmptyOne) {
  MaskReader model;
  GuidedVelocity guided(model, 4);
  const at::Tensor x = at::zeros({3, 1, 2, 2}), t = at::tensor({0.0f, 0.5f, 1.0f});
  const at::Tensor velocity = guided.Velocity(x, t, HalfMask());
  // v(empty) = t and v(mask) = t + 0.5.
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

TEST(GuidanceTest, NeedsAMask) {
  MaskReader model;
  GuidedVelocity guided(model, 2);
  EXPECT_THROW(guided.Velocity(at::zeros({1, 1, 2, 2}), at::zeros({1}), {}), std::invalid_argument);
}

}  // namespace
}  // namespace alignflow
