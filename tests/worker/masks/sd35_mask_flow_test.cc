#include "worker/masks/sd35_mask_flow.h"

#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "tests/common/temp_folder.h"
#include "tests/worker/models/reference_fixture.h"
#include "tests/worker/models/tiny_sd35.h"
#include "worker/flow/solver.h"
#include "worker/models/sd35/velocity.h"
#include "worker/training/optimizer.h"
#include "worker/training/velocity_loss.h"

namespace alignflow {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::vector<int64_t> Counted(int64_t count, int64_t first) {
  std::vector<int64_t> ids(count);
  std::iota(ids.begin(), ids.end(), first);
  return ids;
}

std::map<std::string, at::Tensor> Copies(const torch::nn::Module& module) {
  std::map<std::string, at::Tensor> copies;
  for (const auto& [name, tensor] : StateOf(module)) copies[name] = tensor.detach().clone();
  return copies;
}

// Param: the adapters' rank.
class Sd35MaskFlowTest : public testing::TestWithParam<int64_t> {
 protected:
  Sd35MaskFlowTest() { PutTinySd35(weights_); }

  std::shared_ptr<const Sd35Base> Base(at::ScalarType type = at::kFloat) const {
    const PromptTokens prompts{.clip_l = {Counted(77, 3), Counted(77, 100)},
                               .clip_g = {Counted(77, 5), Counted(77, 200)},
                               .t5 = {Counted(kT5Tokens, 1), Counted(kT5Tokens, 2)}};
    return LoadSd35Base(weights_, prompts, at::TensorOptions(at::kCPU).dtype(type));
  }
  static std::unique_ptr<Sd35MaskFlow> Flow(const std::shared_ptr<const Sd35Base>& base) {
    return std::make_unique<Sd35MaskFlow>(base, Images(), GetParam(),
                                          at::detail::createCPUGenerator(3));
  }
  static Sd35Images Images() { return {.size = 64, .greys = {0, 10, 20}}; }

  // A batch of masks whose loss is to fall.
  struct Batch {
    explicit Batch(const MaskFlow& flow) {
      at::manual_seed(6);
      latents = flow.Encode(at::randint(0, 3, {3, 64, 64}, at::kByte));
      noise = at::randn_like(latents);
      condition = flow.SamplingCondition(3);
    }
    at::Tensor Loss(MaskFlow& flow) const {
      return VelocityLoss(flow, latents, noise, t, condition, /*plain=*/true);
    }

    at::Tensor latents, noise;
    at::Tensor t = at::tensor({0.1f, 0.5f, 0.9f});
    Condition condition;
  };
  static void Train(MaskFlow& flow, const Batch& batch, int steps) {
    AdamW optimizer(flow.parameters());
    for (int i = 0; i < steps; ++i) {
      batch.Loss(flow).backward();
      optimizer.Step(0.01);
    }
  }

  TempFolder folder_;
  const std::filesystem::path weights_ = folder_.path() / "weights";
};

INSTANTIATE_TEST_SUITE_P(Ranks, Sd35MaskFlowTest, testing::Values(0, 4),
                         [](const auto& info) { return info.param == 0 ? "Whole" : "Adapters"; });

TEST_P(Sd35MaskFlowTest, TrainingLowersTheLossOfABatchAndLeavesTheBaseAsItIs) {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const auto base = Base(type);
    const auto before = Copies(*base->transformer);
    const auto flow = Flow(base);
    const Batch batch(*flow);
    const double first = batch.Loss(*flow).item<double>();
    for (const at::Tensor& parameter : flow->parameters()) {
      EXPECT_EQ(parameter.scalar_type(), at::kFloat);
    }
    Train(*flow, batch, 25);
    EXPECT_LT(batch.Loss(*flow).item<double>(), 0.9 * first) << type;
    for (const auto& [name, tensor] : StateOf(*base->transformer)) {
      EXPECT_TRUE(at::equal(tensor, before.at(name))) << name;
      EXPECT_FALSE(tensor.requires_grad() || tensor.grad().defined()) << name;
    }
  }
}

TEST_P(Sd35MaskFlowTest, ANewOneIsTheTransformerItself) {
  const auto base = Base();
  const auto flow = Flow(base);
  const at::NoGradGuard no_grad;
  const at::Tensor x = at::randn({2, 4, 8, 8}), t = at::tensor({0.2f, 0.7f});
  const Condition condition = flow->SamplingCondition(2);
  EXPECT_TRUE(at::equal(flow->Velocity(x, t, condition),
                        Sd35Velocity(*base->transformer, nullptr).Velocity(x, t, condition)));
  EXPECT_EQ(flow->SamplingTimes(), base->schedule.Times(28));
}

TEST_P(Sd35MaskFlowTest, AReadOneSamplesAsTheSavedOneAndRefusesAnotherBase) {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const auto base = Base(type);
    const auto flow = Flow(base);
    const Batch batch(*flow);
    Train(*flow, batch, 3);
    const std::filesystem::path file = folder_.path() / "model.safetensors";
    flow->Save(file, {{"labels", "polyp=255"}});
    EXPECT_EQ(Sd35MaskFlow::AdapterRank(file), GetParam());
    std::map<std::string, std::string> metadata;
    const auto read = Sd35MaskFlow::Load(file, base, Images(), &metadata);
    EXPECT_EQ(metadata, (std::map<std::string, std::string>{{"labels", "polyp=255"}}));
    for (const at::Tensor& parameter : read->parameters()) EXPECT_FALSE(parameter.requires_grad());
    const at::Tensor ours = read->Velocity(batch.noise, batch.t, batch.condition);
    EXPECT_FALSE(ours.requires_grad());
    const at::Tensor saved = flow->Velocity(batch.noise, batch.t, batch.condition).detach();
    EXPECT_LT(RelativeError(ours, saved), type == at::kFloat ? 1e-6 : 0.1) << type;
    auto other = std::make_shared<Sd35Base>(*base);
    other->fingerprint = "0123456789abcdef";
    try {
      Sd35MaskFlow::Load(file, other, Images(), &metadata);
      FAIL();
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), AllOf(HasSubstr(file.string()), HasSubstr("other weights")));
    }
  }
}

TEST_P(Sd35MaskFlowTest, AFileHoldsNothingButWhatHasTrained) {
  const auto flow = Flow(Base(at::kBFloat16));
  const std::filesystem::path file = folder_.path() / "model.safetensors";
  flow->Save(file, {});
  const SafetensorsFile saved(file);
  EXPECT_EQ(saved.metadata().at("alignflow.base").size(), 16u);
  const std::string adapter = "transformer.transformer_blocks.0.attn.to_q.lora_A.weight";
  if (GetParam() > 0) {
    EXPECT_EQ(saved.Get(adapter).sizes(), (std::vector<int64_t>{GetParam(), 16}));
    for (const std::string& name : saved.Names()) EXPECT_THAT(name, HasSubstr(".lora_")) << name;
  } else {
    EXPECT_EQ(saved.Get("proj_out.weight").scalar_type(), at::kBFloat16) << "as it samples";
    EXPECT_FALSE(saved.Has(adapter));
  }
}

TEST_P(Sd35MaskFlowTest, ACutOrForgedFileIsRefusedByName) {
  const auto base = Base();
  const std::filesystem::path file = folder_.path() / "model.safetensors";
  const auto expect_refused = [&](const char* what) {
    std::map<std::string, std::string> metadata;
    try {
      Sd35MaskFlow::Load(file, base, Images(), &metadata);
      FAIL() << what;
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), HasSubstr(file.string())) << what;
    }
  };
  const auto flow = Flow(base);
  flow->Save(file, {});
  const SafetensorsFile whole(file);
  std::map<std::string, at::Tensor> tensors;
  for (const std::string& name : whole.Names()) tensors[name] = whole.Get(name).clone();
  std::map<std::string, std::string> strings = whole.metadata();

  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
  expect_refused("cut");
  strings["alignflow.adapter_rank"] = "1000000000";
  WriteSafetensors(file, tensors, strings);
  expect_refused("a rank that would fill the memory");
  strings["alignflow.adapter_rank"] = GetParam() > 0 ? "0" : "2";
  WriteSafetensors(file, tensors, strings);
  expect_refused("the other kind of model");
}

TEST_P(Sd35MaskFlowTest, WhatItMakesOfNoiseAreMasksOfItsClasses) {
  const auto flow = Flow(Base());
  const at::NoGradGuard no_grad;
  at::manual_seed(8);
  const at::Tensor noise = at::randn({5, 4, 8, 8});
  const at::Tensor masks = flow->Decode(
      SolveEuler(*flow, noise, flow->SamplingTimes(), flow->SamplingCondition(noise.size(0))));
  EXPECT_EQ(masks.scalar_type(), at::kByte);
  EXPECT_EQ(masks.sizes(), (std::vector<int64_t>{5, 64, 64}));
  EXPECT_LT(masks.max().item<int64_t>(), 3);
}

TEST_P(Sd35MaskFlowTest, HalfOfThePromptsAreDropped) {
  const auto base = Base();
  at::Generator random = at::detail::createCPUGenerator(2);
  const Condition condition = Flow(base)->TrainingCondition(64, random);
  int64_t dropped = 0;
  for (int64_t i = 0; i < 64; ++i) {
    dropped += at::equal(condition.context[i], base->text.context[1]) ? 1 : 0;
  }
  EXPECT_GT(dropped, 20);
  EXPECT_LT(dropped, 44);
}

TEST(GreyPicturesTest, EachPixelGoesBackToTheClassOfTheNearestGrey) {
  const GreyPictures pictures({0, 40, 100});  // -1, -0.2, 1
  const at::Tensor classes = at::randint(0, 3, {2, 8, 8}, at::kByte);
  const at::Tensor grey = pictures.Of(classes, at::kCPU);
  EXPECT_EQ(grey.sizes(), (std::vector<int64_t>{2, 3, 8, 8}));
  EXPECT_TRUE(at::equal(pictures.Classes(grey), classes));
  EXPECT_TRUE(at::equal(pictures.Classes(grey + 0.3 * (at::rand_like(grey) * 2 - 1)), classes));
  const at::Tensor between = at::tensor({-2.0f, -0.61f, -0.59f, 0.39f, 0.41f, 3.0f});
  EXPECT_TRUE(at::equal(pictures.Classes(between.view({1, 1, 1, 6}).expand({1, 3, 1, 6})),
                        at::tensor({0, 0, 1, 1, 2, 2}, at::kByte).view({1, 1, 6})));
}

}  // namespace
}  // namespace alignflow
