#include "worker/models/sd35/backbone.h"

#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>

#include <numeric>

#include "tests/common/temp_folder.h"
#include "tests/worker/models/reference_fixture.h"
#include "tests/worker/models/tiny_sd35.h"
#include "worker/models/hf/load_model.h"
#include "worker/models/sd35/velocity.h"
#include "worker/training/optimizer.h"
#include "worker/training/velocity_loss.h"

namespace alignflow {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::vector<int64_t> Counted(int64_t count, int64_t first) {
  std::vector<int64_t> ids(count);
  std::iota(ids.begin(), ids.end(), first);
  return ids;
}

class Sd35BackboneTest : public testing::Test {
 protected:
  Sd35BackboneTest() { PutTinySd35(weights_); }

  std::shared_ptr<const Sd35Base> Base(at::ScalarType type = at::kFloat) const {
    const PromptTokens prompts{.clip_l = {Counted(77, 3), Counted(77, 100)},
                               .clip_g = {Counted(77, 5), Counted(77, 200)},
                               .t5 = {Counted(kT5Tokens, 1), Counted(kT5Tokens, 2)}};
    return LoadSd35Base(weights_, prompts, at::TensorOptions(at::kCPU).dtype(type));
  }
  // No weight of the ControlNet at zero: a new one's output layers start there.
  static std::unique_ptr<Sd35Backbone> Model(const std::shared_ptr<const Sd35Base>& base) {
    auto model = std::make_unique<Sd35Backbone>(base, Images());
    at::manual_seed(5);
    const at::NoGradGuard no_grad;
    for (at::Tensor& parameter : model->fit_parameters()) {
      parameter.add_(0.1 * at::randn_like(parameter));
    }
    return model;
  }
  static Sd35Images Images(int64_t size = 64) { return {.size = size, .greys = {0, 10, 20}}; }

  struct Point {
    at::Tensor x = at::randn({3, 4, 8, 8});
    at::Tensor t = at::tensor({0.1f, 0.5f, 0.9f});
    at::Tensor classes = at::randint(0, 3, {3, 64, 64}, at::kByte);
  };

  TempFolder folder_;
  const std::filesystem::path weights_ = folder_.path() / "weights";
};

TEST_F(Sd35BackboneTest, ANewControlNetChangesNothingYet) {
  const auto base = Base();
  Sd35Backbone model(base, Images());
  EXPECT_EQ(model.latent_shape(), (std::vector<int64_t>{4, 8, 8}));
  const at::NoGradGuard no_grad;
  const Point p;
  Condition condition = model.ConditionOn(model.EncodeMasks(p.classes));
  const at::Tensor ours = model.Velocity(p.x, p.t, condition);
  condition.control.reset();
  EXPECT_TRUE(
      at::equal(ours, Sd35Velocity(*base->transformer, nullptr).Velocity(p.x, p.t, condition)));
}

TEST_F(Sd35BackboneTest, TheMaskEntersAsALatentOfItsGreysWithTheGreatestWhite) {
  const auto base = Base();
  const auto model = Model(base);
  const at::Tensor classes = at::full({1, 64, 64}, 1, at::kByte);
  const at::Tensor control = model->EncodeMasks(classes);
  EXPECT_FALSE(control.requires_grad());
  // Class 1 has the grey 10 of at most 20. This ControlNet sees no shift.
  const at::Tensor expected =
      base->autoencoder->Encode(at::zeros({1, 3, 64, 64})).mean.detach() * 1.5;
  EXPECT_TRUE(at::allclose(control, expected, 1e-4, 1e-5));
  const Point p;
  const at::NoGradGuard no_grad;
  const at::Tensor one = model->Velocity(p.x, p.t, model->ConditionOn(control.expand_as(p.x)));
  const at::Tensor two =
      model->Velocity(p.x, p.t, model->ConditionOn(model->EncodeMasks(p.classes)));
  EXPECT_FALSE(at::allclose(one, two));
}

TEST_F(Sd35BackboneTest, HalfOfThePromptsAreDropped) {
  const auto base = Base();
  const Sd35Backbone model(base, Images());
  Condition condition = model.ConditionOn(at::zeros({64, 4, 8, 8}));
  EXPECT_TRUE(at::equal(condition.context[7], base->text.context[0]));
  at::Generator random = at::detail::createCPUGenerator(2);
  model.DropPrompts(condition, random);
  int64_t dropped = 0;
  for (int64_t i = 0; i < 64; ++i) {
    const int64_t row = at::equal(condition.context[i], base->text.context[1]) ? 1 : 0;
    dropped += row;
    EXPECT_TRUE(at::equal(condition.context[i], base->text.context[row]));
    EXPECT_TRUE(at::equal(condition.pooled[i], base->text.pooled[row])) << "both or neither";
  }
  EXPECT_GT(dropped, 20);
  EXPECT_LT(dropped, 44);
}

TEST_F(Sd35BackboneTest, OnlyTheControlNetTrains) {
  const auto base = Base();
  const auto model = Model(base);
  const Point p;
  const Condition condition = model->ConditionOn(model->EncodeMasks(p.classes));
  const at::Tensor latent = model->Velocity(p.x, p.t, condition);
  (latent.square().mean() + model->codec().Decode(latent).square().mean()).backward();
  int64_t with_gradient = 0;
  for (const at::Tensor& parameter : model->fit_parameters()) {
    EXPECT_EQ(parameter.scalar_type(), at::kFloat);
    with_gradient += parameter.grad().defined() ? 1 : 0;
  }
  EXPECT_GT(with_gradient, 50);
  for (const at::Tensor& parameter : base->transformer->parameters()) {
    EXPECT_FALSE(parameter.requires_grad() || parameter.grad().defined());
  }
  for (const at::Tensor& parameter : base->autoencoder->parameters()) {
    EXPECT_FALSE(parameter.requires_grad() || parameter.grad().defined());
  }
}

TEST_F(Sd35BackboneTest, TrainingTheControlNetLowersTheLossOfABatch) {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const auto model = Model(Base(type));
    const Point p;
    const at::Tensor noise = at::randn_like(p.x);
    const Condition condition = model->ConditionOn(model->EncodeMasks(p.classes));
    const auto loss = [&] {
      return VelocityLoss(*model, p.x, noise, p.t, condition, /*plain=*/true);
    };
    const double before = loss().item<double>();
    AdamW optimizer(model->fit_parameters());
    for (int i = 0; i < 20; ++i) {
      loss().backward();
      optimizer.Step(0.01);
    }
    EXPECT_LT(loss().item<double>(), 0.9 * before) << type;
  }
}

TEST_F(Sd35BackboneTest, ABfloatBaseTrainsFloatWeightsAndSamplesNearlyTheSame) {
  const auto exact = Model(Base());
  const auto rough = Model(Base(at::kBFloat16));
  const Point p;
  const auto velocity = [&p](Backbone& model) {
    return model.Velocity(p.x, p.t, model.ConditionOn(model.EncodeMasks(p.classes)));
  };
  const at::Tensor expected = velocity(*exact).detach();
  const at::Tensor ours = velocity(*rough);
  EXPECT_EQ(ours.scalar_type(), at::kFloat);
  EXPECT_LT(RelativeError(ours.detach(), expected), 0.1);
  ours.square().mean().backward();
  velocity(*exact).square().mean().backward();
  for (size_t i = 0; i < rough->fit_parameters().size(); ++i) {
    const at::Tensor gradient = rough->fit_parameters()[i].grad();
    const at::Tensor reference = exact->fit_parameters()[i].grad();
    ASSERT_EQ(gradient.defined(), reference.defined());
    if (!gradient.defined()) continue;
    EXPECT_EQ(gradient.scalar_type(), at::kFloat);
    EXPECT_TRUE(gradient.isfinite().all().item<bool>());
  }
  const auto frozen = rough->Clone();
  const at::Tensor sampled = velocity(*frozen);
  EXPECT_FALSE(sampled.requires_grad());
  EXPECT_LT(RelativeError(sampled, expected), 0.1);
}

TEST_F(Sd35BackboneTest, CloneIsIndependent) {
  const auto model = Model(Base());
  const auto copy = model->Clone();
  const Point p;
  const at::NoGradGuard no_grad;
  const Condition condition = model->ConditionOn(model->EncodeMasks(p.classes));
  const at::Tensor before = model->Velocity(p.x, p.t, condition);
  for (at::Tensor& parameter : model->fit_parameters()) parameter.zero_();
  EXPECT_TRUE(at::equal(copy->Velocity(p.x, p.t, condition), before));
  EXPECT_FALSE(at::equal(model->Velocity(p.x, p.t, condition), before));
}

TEST_F(Sd35BackboneTest, SamplingTakesTheReferencesTimes) {
  const Sd35Backbone model(Base(), Images());
  EXPECT_EQ(model.SamplingTimes(28, 0), FlowMatchSchedule{}.Times(28));
  const std::vector<double> late = model.SamplingTimes(28, 0.7);
  EXPECT_NEAR(late.front(), 0.7, 0.05);
  EXPECT_EQ(late.back(), 1);
  EXPECT_EQ(model.SamplingTimes(28, 1).size(), 2u) << "at least one step";
}

TEST_F(Sd35BackboneTest, SaveAndLoadRestoreTheControlNetAndRefuseAnotherBase) {
  const auto base = Base();
  const auto model = Model(base);
  const std::filesystem::path file = folder_.path() / "model.safetensors";
  model->Save(file, {{"labels", "polyp=255"}});
  std::map<std::string, std::string> metadata;
  const auto loaded = Sd35Backbone::Load(file, base, Images(), &metadata);
  EXPECT_EQ(metadata, (std::map<std::string, std::string>{{"labels", "polyp=255"}}));
  const Point p;
  {
    const at::NoGradGuard no_grad;
    const Condition condition = model->ConditionOn(model->EncodeMasks(p.classes));
    EXPECT_TRUE(
        at::equal(loaded->Velocity(p.x, p.t, condition), model->Velocity(p.x, p.t, condition)));
  }
  auto other = std::make_shared<Sd35Base>(*base);
  other->fingerprint = "0123456789abcdef";
  try {
    Sd35Backbone::Load(file, other, Images());
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr(file.string()), HasSubstr("other weights")));
  }
}

// What a job leaves is a ControlNet for diffusers: a folder with config.json and the weights.
TEST_F(Sd35BackboneTest, ASavedModelIsAControlNetFolderAndIsTakenFromThere) {
  const auto base = Base();
  const auto model = Model(base);
  const std::filesystem::path folder = weights_ / "controlnet";
  std::filesystem::create_directory(folder);
  const std::filesystem::path file = folder / "diffusion_pytorch_model.safetensors";
  model->Save(file, {});
  WriteFile(folder / "config.json", SafetensorsFile(file).metadata().at("config.json"));
  const auto read = LoadModel<SD3ControlNet>(folder, ParseSD3ControlNet, at::kFloat);
  EXPECT_EQ(StateOf(*read).size(), model->state().size());
  // The index has to name it, as diffusers' own pipelines with a ControlNet do.
  const std::filesystem::path index = weights_ / "model_index.json";
  std::string changed = ReadFile(index);
  changed.insert(changed.find('{') + 1, R"("controlnet": ["diffusers", "SD3ControlNetModel"],)");
  WriteFile(index, changed);
  Sd35Backbone again(Base(), Images());
  for (const auto& [name, tensor] : again.state()) {
    EXPECT_TRUE(at::equal(tensor, model->state().at(name))) << name;
  }
}

TEST_F(Sd35BackboneTest, SizesThatItCannotDrawAreRefused) {
  const auto base = Base();
  for (const int64_t size : {8, 72, 256}) {
    try {
      Sd35Backbone(base, Images(size));
      FAIL() << size;
    } catch (const std::invalid_argument& error) {
      EXPECT_THAT(error.what(), AllOf(HasSubstr("multiples of 16"), HasSubstr("128"))) << size;
    }
  }
}

TEST_F(Sd35BackboneTest, WhatIsMissingInTheFolderIsNamed) {
  const auto error = [this] {
    try {
      Base();
    } catch (const std::runtime_error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  std::filesystem::remove(weights_ / "vae" / "diffusion_pytorch_model.safetensors");
  EXPECT_THAT(error(), HasSubstr((weights_ / "vae").string()));
  std::filesystem::remove_all(weights_ / "vae");
  EXPECT_THAT(error(), HasSubstr((weights_ / "vae").string()));
  std::filesystem::remove(weights_ / "model_index.json");
  EXPECT_THAT(error(), HasSubstr("model_index.json"));
}

}  // namespace
}  // namespace alignflow
