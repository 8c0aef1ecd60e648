#include "worker/alignment/stage2/reward_features.h"

#include <gmock/gmock.h>

#include "tests/worker/tasks/task_fixture.h"
#include "worker/models/efficientnet/efficientnet.h"
#include "worker/models/safetensors.h"
#include "worker/models/unet/merged_model.h"
#include "worker/sets/prepared_set.h"
#include "worker/tasks/task_error.h"

namespace alignflow {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class RewardFeaturesTest : public TaskFixture {
 protected:
  RewardFeaturesTest()
      : packed_(Prepared(PutPhantoms(PhantomDomain::kSource, 12, true))), context_(NewContext()) {}

  RewardFeatures Make(const std::string& name) {
    const ImageSet source = MapPrepared(blobs_->PathOf(packed_));
    return MakeRewardFeatures(
        *context_, Spec("align", {{"statistics", Statistics(packed_)}}, {{"align.features", name}}),
        source);
  }

  std::string packed_;
  std::unique_ptr<FakeContext> context_;
};

TEST_F(RewardFeaturesTest, Lite0IsStandardisedOnTheSourceAndDifferentiable) {
  context_->bundled_models = folder_;
  at::manual_seed(4);
  WriteSafetensors(folder_ / "efficientnet-lite0.safetensors",
                   StateOf(EfficientNet(EfficientNetLite("lite0"))), {});
  const RewardFeatures reward = Make("lite0");
  EXPECT_THAT(reward.note, HasSubstr("EfficientNet-Lite0"));
  const ImageSet source = MapPrepared(blobs_->PathOf(packed_));
  const at::Tensor images = ImagesFromBytes(source.images).requires_grad_();
  const at::Tensor features = reward.extractor->Features(images);
  EXPECT_EQ(features.sizes(), (at::IntArrayRef{12, reward.extractor->width()}));
  EXPECT_LT(features.detach().mean(0).abs().max().item<double>(), 0.6);
  features.square().sum().backward();
  EXPECT_GT(images.grad().abs().amax({1, 2, 3}).min().item<double>(), 0);
}

TEST_F(RewardFeaturesTest, WhatThisWorkerLacksIsNamedWithTheRemedy) {
  for (const auto& [name, file, remedy] :
       {std::tuple{"lite0", "efficientnet-lite0.safetensors", "scripts/setup.sh"},
        {"dinov3", "models", "filter_bank"}}) {
    context_->models = folder_;
    std::filesystem::create_directories(folder_ / "figures");
    try {
      Make(name);
      ADD_FAILURE() << name;
    } catch (const TaskError& error) {
      EXPECT_EQ(error.status().code(), absl::StatusCode::kFailedPrecondition);
      EXPECT_THAT(error.what(), AllOf(HasSubstr(file), HasSubstr(remedy)));
    }
  }
}

}  // namespace
}  // namespace alignflow
