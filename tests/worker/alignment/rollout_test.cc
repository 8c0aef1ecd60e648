#include "worker/alignment/rollout.h"

#include <gtest/gtest.h>

#include "worker/alignment/align_step.h"
#include "worker/alignment/mmd.h"

namespace alignflow {
namespace {

// v = weight x, so that k Euler steps of 1/20 from x0 give x0 (1 + weight/20)^k.
class ScaledField : public VelocityModel {
 public:
  explicit ScaledField(double weight) : weight(at::full({}, weight)) {}
  at::Tensor Velocity(const at::Tensor& x, const at::Tensor& t, const Condition&) override {
    times.push_back(t[0].item<double>());
    return weight * x;
  }
  at::Tensor weight;
  std::vector<double> times;
};

TEST(RolloutTest, TheStatesAreThoseOfEulersStepsAtTheirTimes) {
  ScaledField frozen(0.5);
  const at::Tensor states = FrozenRollout(frozen, at::ones({3, 2, 4, 4}), RolloutTimes(0), 18, {});
  EXPECT_EQ(states.sizes(), (at::IntArrayRef{3, 2, 2, 4, 4}));
  EXPECT_NEAR(states.select(1, 0)[0][0][0][0].item<double>(), std::pow(1.025, 18), 1e-5);
  EXPECT_NEAR(states.select(1, 1)[0][0][0][0].item<double>(), std::pow(1.025, 19), 1e-5);
  ASSERT_EQ(frozen.times.size(), 19u);
  EXPECT_NEAR(frozen.times.back(), 0.9, 1e-6);
}

TEST(RolloutTest, ALaterStartMakesFewerSteps) {
  ScaledField frozen(0.5);
  const at::Tensor states =
      FrozenRollout(frozen, at::ones({1, 1, 2, 2}), RolloutTimes(0.75), 15, {});
  EXPECT_EQ(states.size(1), 5);
  EXPECT_TRUE(at::equal(states.select(1, 0), at::ones({1, 1, 2, 2})));
  EXPECT_EQ(frozen.times.size(), 4u);
  EXPECT_NEAR(frozen.times.front(), 0.75, 1e-6);
  EXPECT_THROW(FrozenRollout(frozen, at::ones({1, 1, 2, 2}), RolloutTimes(0.75), 14, {}),
               std::invalid_argument);
}

TEST(RolloutTest, OnlyTheTunableStepHasAGraph) {
  ScaledField frozen(0.5), tunable(0.5);
  frozen.weight.requires_grad_(true);
  tunable.weight.requires_grad_(true);
  const at::Tensor states = FrozenRollout(frozen, at::ones({1, 1, 2, 2}), RolloutTimes(0), 18, {});
  EXPECT_FALSE(states.requires_grad());
  const at::Tensor x1 = TunableStep(tunable, states.select(1, 0), 18, {});
  // x1hat = x_s + (1-s) v(x_s, s), s = 0.9
  EXPECT_NEAR(x1[0][0][0][0].item<double>(), std::pow(1.025, 18) * (1 + 0.1 * 0.5), 1e-5);
  EXPECT_NEAR(tunable.times.back(), 0.9, 1e-6);
  x1.sum().backward();
  EXPECT_TRUE(tunable.weight.grad().defined());
  EXPECT_FALSE(frozen.weight.grad().defined());
}

// Decodes to itself; features are the channels' means.
class Plain : public LatentCodec, public FeatureExtractor {
 public:
  at::Tensor Encode(const at::Tensor& image) const override { return image; }
  at::Tensor Decode(const at::Tensor& latent) const override { return latent; }
  int64_t width() const override { return 3; }
  at::Tensor Features(const at::Tensor& image) const override { return image.mean({2, 3}); }
};

TEST(AlignmentLossTest, IsTheMmdOfTheClampedImagesAndPullsThemToTheReferences) {
  const Plain plain;
  ScaledField tunable(0.2);
  tunable.weight.requires_grad_(true);
  RolloutBatch batch;
  batch.states = at::linspace(0.1, 0.9, 4).view({4, 1, 1, 1}).expand({4, 3, 2, 2});
  batch.index = 10;
  const at::Tensor references = at::full({2, 3}, 0.9);
  const at::Tensor loss = AlignmentLoss(tunable, plain, plain, batch, references);
  const at::Tensor images = (batch.states * 1.1).clamp(-1, 1);
  EXPECT_NEAR(loss.item<double>(), UnbiasedMmd(images.mean({2, 3}), references).item<double>(),
              1e-6);
  loss.backward();
  EXPECT_LT(tunable.weight.grad().item<double>(), 0) << "a greater velocity leads to them";
}

}  // namespace
}  // namespace alignflow
