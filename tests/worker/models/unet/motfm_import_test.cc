// MOTFM's published configurations against its own velocities and samples
// (tests/reference/make_motfm_fixtures.py), and its weights as models of this service.
#include "worker/models/unet/motfm_import.h"

#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>

#include <functional>

#include "tests/common/temp_folder.h"
#include "tests/worker/models/motfm_weights.h"
#include "worker/flow/solver.h"
#include "worker/models/unet/merged_model.h"

namespace alignflow {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kConfigurations[] = {
    "class_conditioning",      "config_3D",         "default",
    "mask_class_conditioning", "mask_conditioning", "unconditional"};

Condition ConditionOfFixture(const MotfmFixture& fixture) {
  Condition condition;
  const json& model = fixture.config.at("model_args");
  if (model.at("mask_conditioning")) condition.mask = fixture.Get("masks");
  if (model.at("with_conditioning")) condition.context = fixture.Get("cond");
  return condition;
}

// As solver_args say.
at::Tensor SampleOf(VelocityModel& model, const MotfmFixture& fixture, const Condition& condition) {
  const json& solver = fixture.config.at("solver_args");
  const double step = solver.at("step_size");
  return Solve(SolverNamed(solver.at("method").get<std::string>()), model, fixture.Get("noise"),
               UniformTimes(std::lround(1 / step)), condition);
}

class MotfmParityTest : public testing::TestWithParam<const char*> {};

TEST_P(MotfmParityTest, VelocitiesAndSamplesAreTheReferences) {
  const MotfmFixture fixture(GetParam());
  MergedModel model(UNetConfigFromJson(fixture.config.at("model_args")));
  fixture.Load("weights", model);
  const Condition condition = ConditionOfFixture(fixture);
  const at::NoGradGuard no_grad;
  model.Freeze();
  EXPECT_LT(RelativeError(model.Velocity(fixture.Get("x"), fixture.Get("t"), condition),
                          fixture.Get("velocity")),
            1e-4);
  EXPECT_LT(RelativeError(SampleOf(model, fixture, condition), fixture.Get("sample")), 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Configurations, MotfmParityTest, testing::ValuesIn(kConfigurations),
                         [](const auto& info) { return std::string(info.param); });

class MotfmImportTest : public testing::Test {
 protected:
  // Of four classes, whose masks are k/3 where those of the fixtures are.
  MotfmImport Request() const {
    return {
        .preset = "motfm", .image_size = 32, .spatial_dims = 2, .class_values = {0, 85, 170, 255}};
  }
  std::unique_ptr<UNetBackbone> Import(const MotfmFixture& fixture) const {
    const std::filesystem::path file = folder_.path() / "weights.safetensors";
    fixture.WriteWeights(file);
    return ImportMotfm(file, Request());
  }
  std::string Refusal(const MotfmFixture& fixture) const {
    return Refusal([&] { Import(fixture); });
  }
  static std::string Refusal(const std::function<void()>& import) {
    try {
      import();
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "taken";
  }

  TempFolder folder_;
};

TEST_F(MotfmImportTest, AModelMakesWhatTheReferenceMakesForTheSameNoiseAndMasks) {
  const MotfmFixture fixture("mask_conditioning");
  const auto model = Import(fixture);
  EXPECT_EQ(model->latent_shape(), (std::vector<int64_t>{1, 32, 32}));
  const at::Tensor classes = fixture.Get("masks").mul(3).round().to(at::kByte).squeeze(1);
  const at::NoGradGuard no_grad;
  model->Freeze();
  const at::Tensor sample =
      SampleOf(*model, fixture, model->ConditionOn(model->EncodeMasks(classes)));
  EXPECT_LT(RelativeError(sample, fixture.Get("sample")), 1e-4);
  // Its pixels are in [0,1], and grey.
  const at::Tensor image = model->codec().Decode(fixture.Get("sample"));
  EXPECT_LT(RelativeError(image, fixture.Get("sample").mul(2).sub(1).expand({2, 3, 32, 32})), 1e-4);
  EXPECT_LT(RelativeError(model->codec().Encode(image), fixture.Get("sample")), 1e-4);
}

TEST_F(MotfmImportTest, AModelThatKnowsClassesMakesImagesOfTheOneThatItIsImportedFor) {
  MotfmFixture fixture("default");
  const auto of_class = [&](int number) {
    fixture.config["class"] = number;
    const auto model = Import(fixture);
    const at::NoGradGuard no_grad;
    return SampleOf(*model, fixture,
                    model->ConditionOn(model->EncodeMasks(
                        fixture.Get("masks").mul(3).round().to(at::kByte).squeeze(1))));
  };
  const at::Tensor classes = fixture.Get("cond").squeeze(1).argmax(1);
  for (int64_t row = 0; row < 2; ++row) {
    const at::Tensor sample = of_class(classes[row].item<int>());
    EXPECT_LT(RelativeError(sample[row], fixture.Get("sample")[row]), 1e-4);
  }
  EXPECT_FALSE(at::allclose(of_class(0), of_class(1)));
}

TEST_F(MotfmImportTest, AnImportedModelIsSavedAndLoadedAsAnyOther) {
  MotfmFixture fixture("default");
  fixture.config["class"] = 2;
  fixture.config["data_args"]["image_norm"] = {{"mode", "auto"}, {"range", {-1, 1}}};
  const auto model = Import(fixture);
  const std::filesystem::path file = folder_.path() / "model.safetensors";
  model->Save(file, {});
  const auto loaded = UNetBackbone::Load(file);
  const at::Tensor masks = at::randint(0, 4, {2, 32, 32}, at::kByte);
  const at::Tensor x = fixture.Get("x"), t = fixture.Get("t");
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(at::equal(loaded->Velocity(x, t, loaded->ConditionOn(loaded->EncodeMasks(masks))),
                        model->Velocity(x, t, model->ConditionOn(model->EncodeMasks(masks)))));
  // Pixels that were trained in [-1,1] are what they are.
  EXPECT_LT(RelativeError(loaded->codec().Decode(x), x.expand({2, 3, 32, 32})), 1e-5);
}

TEST_F(MotfmImportTest, AVolumesConfigurationIsImportedOnceItHasMasks) {
  json config = MotfmFixture("config_3D").config;
  MotfmImport request = Request();
  request.preset = "motfm-3d";
  request.spatial_dims = 3;
  EXPECT_THAT(Refusal([&] { MotfmBackbone(config, request); }), HasSubstr("mask_conditioning"));
  config["model_args"]["mask_conditioning"] = true;
  const UNetBackbone model(MotfmBackbone(config, request));
  EXPECT_EQ(model.latent_shape(), (std::vector<int64_t>{1, 32, 32, 32}));
  request.spatial_dims = 2;
  EXPECT_THAT(Refusal([&] { MotfmBackbone(config, request); }), HasSubstr("spatial_dims"));
}

TEST_F(MotfmImportTest, WhatMakesNoPairsIsRefusedWithTheFieldAndTheReason) {
  EXPECT_THAT(Refusal(MotfmFixture("unconditional")),
              AllOf(HasSubstr("mask_conditioning"), HasSubstr("no pairs")));
  EXPECT_THAT(Refusal(MotfmFixture("default")),
              AllOf(HasSubstr("with_conditioning"), HasSubstr("0 to 3")));
  MotfmFixture fixture("mask_conditioning");
  fixture.config["class"] = 0;
  EXPECT_THAT(Refusal(fixture), HasSubstr("knows none"));
  fixture = MotfmFixture("default");
  fixture.config["class"] = 4;
  EXPECT_THAT(Refusal(fixture), HasSubstr("cross_attention_dim allows 0 to 3"));
  fixture = MotfmFixture("mask_conditioning");
  fixture.config["data_args"]["image_norm"] = "zscore";
  EXPECT_THAT(Refusal(fixture), AllOf(HasSubstr("data_args.image_norm"), HasSubstr("zscore")));
  fixture = MotfmFixture("mask_conditioning");
  fixture.config["model_args"]["norm_num_grups"] = 2;
  EXPECT_THAT(Refusal(fixture), HasSubstr("norm_num_grups"));
  fixture = MotfmFixture("mask_conditioning");
  MotfmImport request = Request();
  request.image_size = 40;
  EXPECT_THAT(Refusal([&] { MotfmBackbone(fixture.config, request); }),
              HasSubstr("multiple of 16"));
}

TEST_F(MotfmImportTest, ANetThatTheFileCannotHoldTakesNoMemory) {
  MotfmFixture fixture("default");
  fixture.config["class"] = 0;
  fixture.config["model_args"]["transformer_num_layers"] = 1'000'000'000;
  EXPECT_THAT(Refusal(fixture), HasSubstr("larger net than the file holds"));
  fixture = MotfmFixture("mask_conditioning");
  fixture.config["model_args"]["num_channels"] = {4, 4, 4, 4, 1'000'000};
  EXPECT_THAT(Refusal(fixture), HasSubstr("larger net than the file holds"));
}

TEST_F(MotfmImportTest, WeightsOfAnotherConfigurationAreRefusedWithEveryTensorThatDoesNotFit) {
  MotfmFixture fixture("mask_conditioning");
  fixture.config["model_args"]["num_res_blocks"] = {1, 1, 1, 1, 2};
  EXPECT_THAT(Refusal(fixture), AllOf(HasSubstr("the weights"), HasSubstr("missing: "),
                                      HasSubstr("controlnet.down_blocks.4.resnets.1")));
}

}  // namespace
}  // namespace alignflow
