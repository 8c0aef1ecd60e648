#include "worker/models/unet/backbone.h"

#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "worker/models/safetensors.h"

namespace alignflow {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// The preset's shape with few channels, so that a test is quick.
UNetBackboneConfig SmallConfig() {
  UNetBackboneConfig config = UNetPreset("unet-64", 2);
  config.image_size = 32;
  config.unet.num_channels = {16, 16, 16};
  config.unet.num_head_channels = {16, 16, 16};
  config.unet.norm_num_groups = 4;
  config.unet.conditioning_embedding_num_channels = {16};
  return config;
}

// No weight at zero: the untrained net's last layers start there.
std::unique_ptr<UNetBackbone> SmallModel() {
  auto model = std::make_unique<UNetBackbone>(SmallConfig(), 1);
  at::manual_seed(5);
  const at::NoGradGuard no_grad;
  for (at::Tensor& parameter : model->fit_parameters())
    parameter.add_(0.05 * at::randn_like(parameter));
  model->codec().blocks().Fit(at::randn({4, 3, 32, 32}).clamp(-1, 1));
  return model;
}

struct Point {
  at::Tensor x = at::randn({2, 48, 8, 8});
  at::Tensor t = at::tensor({0.25f, 0.9f});
  Condition condition{at::ones({2, 2, 32, 32}), {}, {}};
};

class UNetBackboneFileTest : public testing::Test {
 protected:
  UNetBackboneFileTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "backbone.XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~UNetBackboneFileTest() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST(UNetBackboneTest, EveryPresetIsBuiltAndAnUnknownOneIsAnsweredWithTheKnown) {
  for (const std::string& name : UNetPresetNames()) {
    const UNetBackboneConfig config = UNetPreset(name, 3);
    EXPECT_EQ(config.unet.in_channels, config.image_channels * config.BlockValues());
    UNetBackbone model(config);
    std::vector<int64_t> latent(1 + config.unet.spatial_dims, config.image_size / config.block);
    latent[0] = config.unet.in_channels;
    EXPECT_EQ(model.latent_shape(), latent);
    // From a mask to an image of the preset's size.
    std::vector<int64_t> shape(config.unet.spatial_dims, config.image_size);
    shape.insert(shape.begin(), 1);
    const at::NoGradGuard no_grad;
    const Condition condition = model.ConditionOn(model.EncodeMasks(at::ones(shape, at::kByte)));
    latent.insert(latent.begin(), 1);
    const at::Tensor velocity = model.Velocity(at::ones(latent), at::full({1}, 0.5), condition);
    shape.insert(shape.begin() + 1, config.image_channels);
    EXPECT_TRUE(model.codec().Decode(velocity).sizes().equals(shape)) << name;
  }
  try {
    UNetPreset("unet-65", 2);
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("unet-65"), HasSubstr("unet-64")));
  }
}

TEST(UNetBackboneTest, SeedDecidesTheWeightsAndTheGlobalGeneratorGoesOnUndisturbed) {
  at::manual_seed(11);
  const at::Tensor expected = at::randn({4});
  at::manual_seed(11);
  UNetBackbone a(SmallConfig(), 1), b(SmallConfig(), 1), c(SmallConfig(), 2);
  EXPECT_TRUE(at::equal(at::randn({4}), expected));
  const std::string name = "unet.conv_in.conv.weight";
  EXPECT_TRUE(at::equal(a.state().at(name), b.state().at(name)));
  EXPECT_FALSE(at::equal(a.state().at(name), c.state().at(name)));
}

TEST(UNetBackboneTest, ControlNetStartsAsACopyAndWithoutInfluence) {
  UNetBackbone model(SmallConfig());
  EXPECT_TRUE(at::equal(model.state().at("unet.conv_in.conv.weight"),
                        model.state().at("controlnet.conv_in.conv.weight")));
  Point p;
  const at::Tensor first = model.Velocity(p.x, p.t, p.condition);
  p.condition.mask = at::zeros_like(p.condition.mask);
  EXPECT_TRUE(at::equal(first, model.Velocity(p.x, p.t, p.condition)));
}

TEST(UNetBackboneTest, VelocityLeadsToADataPredictionBoundedByTheNetAtBothEnds) {
  const auto model = SmallModel();
  Point p;
  // x + (1-t) v is the predicted data; with a net of fixed output it does not grow as t nears 1.
  for (const double t : {0.0, 0.5, 0.99, 1.0}) {
    p.t.fill_(t);
    const at::Tensor v = model->Velocity(p.x, p.t, p.condition);
    EXPECT_TRUE(v.isfinite().all().item<bool>()) << t;
    const at::Tensor data = p.x + (1 - t) * v;
    EXPECT_LT(data.abs().max().item<double>(), 50) << t;
  }
}

TEST(UNetBackboneTest, MaskChangesTheVelocityAndItsAbsenceIsRefused) {
  const auto model = SmallModel();
  Point p;
  const at::Tensor first = model->Velocity(p.x, p.t, p.condition);
  p.condition.mask = p.condition.mask.clone();
  p.condition.mask.select(1, 0).zero_();
  EXPECT_FALSE(at::allclose(first, model->Velocity(p.x, p.t, p.condition)));
  EXPECT_THROW(model->Velocity(p.x, p.t, {}), std::invalid_argument);
  p.condition.mask = at::ones({2, 3, 32, 32});
  EXPECT_THROW(model->Velocity(p.x, p.t, p.condition), std::invalid_argument) << "three classes";
  p.condition.mask = at::ones({2, 2, 16, 16});
  EXPECT_THROW(model->Velocity(p.x, p.t, p.condition), std::invalid_argument) << "wrong size";
}

TEST_F(UNetBackboneFileTest, AClassChangesTheVelocityAndComesBackFromAFile) {
  UNetBackboneConfig config = SmallConfig();
  config.image_classes = {"adenoma", "serrated"};
  EXPECT_THROW(UNetBackbone{config}, std::invalid_argument) << "without an embedding";
  config.unet.num_class_embeds = 3;
  UNetBackbone model(config, 1);
  at::manual_seed(5);
  const at::NoGradGuard no_grad;
  for (at::Tensor& parameter : model.fit_parameters())
    parameter.add_(0.05 * at::randn_like(parameter));
  model.Save(folder_ / "model.safetensors", {});
  const auto loaded = UNetBackbone::Load(folder_ / "model.safetensors");
  EXPECT_EQ(loaded->image_classes(), config.image_classes);
  const Point p;
  const auto velocity = [&](const at::Tensor& classes) {
    return loaded->Velocity(p.x, p.t, loaded->ConditionOn(p.condition.mask, classes));
  };
  const at::Tensor first = velocity(at::tensor({0, 0}, at::kLong));
  const at::Tensor second = velocity(at::tensor({0, 1}, at::kLong));
  EXPECT_TRUE(at::allclose(first[0], second[0], 1e-4, 1e-5));
  EXPECT_FALSE(at::allclose(first[1], second[1], 1e-3, 1e-3));
  EXPECT_TRUE(at::equal(velocity({}), velocity(at::tensor({2, 2}, at::kLong))))
      << "nothing said is a class by itself";
}

TEST(UNetBackboneTest, MasksAreEncodedAsOneHotClasses) {
  UNetBackboneConfig config = SmallConfig();
  config.unet.conditioning_embedding_in_channels = 3 * config.block * config.block;
  const UNetBackbone model(config);
  const at::Tensor classes = at::randint(0, 3, {2, 32, 32}, at::kByte);
  const at::Tensor mask = model.ConditionOn(model.EncodeMasks(classes)).mask;
  ASSERT_EQ(mask.sizes(), (at::IntArrayRef{2, 3, 32, 32}));
  EXPECT_TRUE(at::equal(mask.argmax(1), classes.to(at::kLong)));
  EXPECT_TRUE(at::equal(mask.sum(1), at::ones({2, 32, 32})));
}

TEST(UNetBackboneTest, AlignParametersAreTheControlBranchAndEnoughForItsGradient) {
  const auto model = SmallModel();
  for (at::Tensor& parameter : model->fit_parameters()) parameter.requires_grad_(false);
  for (at::Tensor& parameter : model->align_parameters()) parameter.requires_grad_(true);
  EXPECT_LT(model->align_parameters().size(), model->fit_parameters().size());
  Point p;
  model->Velocity(p.x, p.t, p.condition).square().sum().backward();
  for (const auto& [name, tensor] : model->state()) {
    const bool control = name.starts_with("controlnet.");
    // The projection that the reference declares and leaves out has no gradient.
    const bool unused = name.find("proj_attn") != std::string::npos;
    EXPECT_EQ(tensor.grad().defined(), control && !unused) << name;
  }
}

TEST(UNetBackboneTest, CloneIsIndependentWithoutGradientAndExact) {
  const auto model = SmallModel();
  const std::unique_ptr<Backbone> copy = model->Clone();
  Point p;
  const at::Tensor before = model->Velocity(p.x, p.t, p.condition).detach();
  const at::Tensor copied = copy->Velocity(p.x, p.t, p.condition);
  EXPECT_FALSE(copied.requires_grad());
  EXPECT_TRUE(at::equal(copied, before));
  {
    const at::NoGradGuard no_grad;
    for (at::Tensor& parameter : model->fit_parameters()) parameter.zero_();
  }
  EXPECT_TRUE(at::equal(copy->Velocity(p.x, p.t, p.condition), before));
}

// A frozen model keeps what it computed from weights and mask; neither may outlive its cause.
TEST(UNetBackboneTest, FrozenModelAgreesWithTheTrainableOneForEveryMaskTypeAndBatch) {
  const auto model = SmallModel();
  const auto frozen = model->Clone();
  const at::NoGradGuard no_grad;
  Point p;
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kFloat}) {
    model->set_compute_dtype(type);
    dynamic_cast<UNetBackbone&>(*frozen).set_compute_dtype(type);
    const double tolerance = type == at::kFloat ? 1e-5 : 1e-3;
    for (const int64_t batch : {2, 1, 2}) {
      for (const double value : {1.0, 0.0, 1.0}) {
        const Condition condition{at::full({batch, 2, 32, 32}, value), {}, {}};
        const at::Tensor x = p.x.narrow(0, 0, batch), t = p.t.narrow(0, 0, batch);
        const at::Tensor expected = model->Velocity(x, t, condition);
        const at::Tensor ours = frozen->Velocity(x, t, condition);
        EXPECT_LT(((ours - expected).norm() / expected.norm()).item<double>(), tolerance);
      }
    }
  }
}

TEST(UNetBackboneTest, Bfloat16ComputationIsCloseAndReturnsFloat) {
  const auto model = SmallModel();
  Point p;
  const at::Tensor exact = model->Velocity(p.x, p.t, p.condition).detach();
  model->set_compute_dtype(at::kBFloat16);
  const at::Tensor rough = model->Velocity(p.x, p.t, p.condition);
  EXPECT_EQ(rough.scalar_type(), at::kFloat);
  EXPECT_LT(((rough - exact).norm() / exact.norm()).item<double>(), 0.03);
  rough.square().sum().backward();
  EXPECT_EQ(model->align_parameters()[0].grad().scalar_type(), at::kFloat);
  EXPECT_THROW(model->set_compute_dtype(at::kLong), std::invalid_argument);
}

TEST_F(UNetBackboneFileTest, SaveAndLoadRestoreModelCodecConfigurationAndMetadata) {
  const auto model = SmallModel();
  const std::filesystem::path file = folder_ / "model.safetensors";
  model->Save(file, {{"labels", "{\"polyp\":255}"}});
  std::map<std::string, std::string> metadata;
  const auto loaded = UNetBackbone::Load(file, at::kCPU, &metadata);
  EXPECT_EQ(metadata, (std::map<std::string, std::string>{{"labels", "{\"polyp\":255}"}}));
  EXPECT_EQ(ToJson(loaded->config().unet), ToJson(model->config().unet));
  EXPECT_EQ(loaded->config().preset, "unet-64");
  Point p;
  EXPECT_TRUE(
      at::equal(loaded->Velocity(p.x, p.t, p.condition), model->Velocity(p.x, p.t, p.condition)));
  const at::Tensor image = at::rand({1, 3, 32, 32});
  EXPECT_TRUE(at::equal(loaded->codec().Encode(image), model->codec().Encode(image)));
}

TEST_F(UNetBackboneFileTest, LoadRefusesForeignFilesAndListsWhatDoesNotFit) {
  const std::filesystem::path file = folder_ / "model.safetensors";
  const auto error = [&] {
    try {
      UNetBackbone::Load(file);
    } catch (const std::runtime_error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  WriteSafetensors(file, {{"x", at::ones({1})}}, {{"format", "pt"}});
  EXPECT_THAT(error(), AllOf(HasSubstr(file.string()), HasSubstr("not an AlignFlow")));

  SmallModel()->Save(file, {});
  std::map<std::string, at::Tensor> tensors;
  std::map<std::string, std::string> metadata;
  {
    const SafetensorsFile saved(file);
    metadata = saved.metadata();
    for (const std::string& name : saved.Names()) tensors[name] = saved.Get(name).clone();
  }
  tensors.erase("codec.basis");
  tensors["unet.surplus"] = at::ones({1});
  tensors["unet.conv_in.conv.bias"] = at::ones({99});
  WriteSafetensors(file, tensors, metadata);
  EXPECT_THAT(error(), AllOf(HasSubstr("missing: codec.basis"), HasSubstr("unknown: unet.surplus"),
                             HasSubstr("wrong shape: unet.conv_in.conv.bias")));
  for (auto& [key, value] : metadata) {
    if (value.starts_with("{")) value = "{\"preset\":";
  }
  WriteSafetensors(file, tensors, metadata);
  EXPECT_THAT(error(), HasSubstr(file.string()));
}

}  // namespace
}  // namespace alignflow
