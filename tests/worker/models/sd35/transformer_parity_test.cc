// MM-DiT-X and its ControlNet against diffusers' own outputs and gradients
// (tests/reference/make_sd3_fixtures.py).
#include <gtest/gtest.h>

#include "tests/worker/models/reference_fixture.h"
#include "worker/models/sd35/controlnet.h"
#include "worker/models/sd35/transformer.h"

namespace alignflow {
namespace {

SD3Inputs InputsOf(const ReferenceFixture& fixture) {
  return {fixture.Get("in.hidden_states"), fixture.Get("in.timestep"),
          fixture.Get("in.encoder_hidden_states"), fixture.Get("in.pooled_projections")};
}

std::shared_ptr<SD3Transformer> LoadTransformer(const ReferenceFixture& fixture) {
  HfConfig config = fixture.Config("transformer");
  auto net = std::make_shared<SD3Transformer>(ParseSD3Transformer(config));
  fixture.Load("transformer", *net);
  return net;
}

std::shared_ptr<SD3ControlNet> LoadControlNet(const ReferenceFixture& fixture) {
  HfConfig config = fixture.Config("controlnet");
  auto net = std::make_shared<SD3ControlNet>(ParseSD3ControlNet(config));
  fixture.Load("controlnet", *net);
  return net;
}

class TransformerParityTest : public testing::TestWithParam<const char*> {};

TEST_P(TransformerParityTest, OutputAndGradientsAreTheReferences) {
  const ReferenceFixture fixture(std::string("sd35/transformer_") + GetParam());
  const auto net = LoadTransformer(fixture);
  SD3Inputs inputs = InputsOf(fixture);
  inputs.latent.requires_grad_();
  std::vector<at::Tensor> control = fixture.List("in.block_controlnet_hidden_states");
  for (at::Tensor& residual : control) residual.requires_grad_();
  const at::Tensor sample = net->Forward(inputs, control);
  EXPECT_LT(RelativeError(sample.detach(), fixture.Get("out.sample")), 1e-4);
  (sample * fixture.Get("probe.sample")).sum().backward();
  EXPECT_LT(RelativeError(inputs.latent.grad(), fixture.Get("grad.hidden_states")), 1e-3);
  const std::vector<at::Tensor> gradients = fixture.List("grad.block_controlnet_hidden_states");
  for (size_t i = 0; i < control.size(); ++i) {
    // The last block takes none.
    ASSERT_EQ(control[i].grad().defined(), i < gradients.size());
    if (i >= gradients.size()) continue;
    EXPECT_LT(RelativeError(control[i].grad(), gradients[i]), 1e-3) << i;
  }
}

TEST_P(TransformerParityTest, FrozenWeightsGiveTheSame) {
  const ReferenceFixture fixture(std::string("sd35/transformer_") + GetParam());
  const auto net = LoadTransformer(fixture);
  const c10::InferenceMode guard;
  const at::Tensor sample =
      net->Forward(InputsOf(fixture), fixture.List("in.block_controlnet_hidden_states"));
  EXPECT_LT(RelativeError(sample, fixture.Get("out.sample")), 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Reference, TransformerParityTest,
                         testing::Values("plain", "dual", "odd", "single_pixels", "control",
                                         "control_each"),
                         [](const auto& info) { return info.param; });

class ControlNetParityTest : public testing::TestWithParam<const char*> {};

TEST_P(ControlNetParityTest, ResidualsAndGradientsAreTheReferences) {
  const ReferenceFixture fixture(std::string("sd35/controlnet_") + GetParam());
  const auto net = LoadControlNet(fixture);
  const at::Tensor control = fixture.Get("in.controlnet_cond").requires_grad_();
  const std::vector<at::Tensor> residuals =
      net->Forward(InputsOf(fixture), control, fixture.Number("conditioning_scale"));
  const std::vector<at::Tensor> expected = fixture.List("out.block_samples");
  const std::vector<at::Tensor> probes = fixture.List("probe.block_samples");
  ASSERT_EQ(residuals.size(), expected.size());
  at::Tensor loss = at::zeros({});
  for (size_t i = 0; i < residuals.size(); ++i) {
    EXPECT_LT(RelativeError(residuals[i].detach(), expected[i]), 1e-4) << i;
    loss = loss + (residuals[i] * probes[i]).sum();
  }
  loss.backward();
  EXPECT_LT(RelativeError(control.grad(), fixture.Get("grad.controlnet_cond")), 1e-3);
}

INSTANTIATE_TEST_SUITE_P(Reference, ControlNetParityTest, testing::Values("one", "plain", "twelve"),
                         [](const auto& info) { return info.param; });

// The fit of a ControlNet through a frozen transformer.
TEST(TrainingParityTest, EveryGradientOfTheVelocityLossIsTheReferences) {
  const ReferenceFixture fixture("sd35/training");
  const auto transformer = LoadTransformer(fixture);
  for (at::Tensor& parameter : transformer->parameters()) parameter.requires_grad_(false);
  const auto controlnet = LoadControlNet(fixture);
  const SD3Inputs inputs = InputsOf(fixture);
  const at::Tensor sample =
      transformer->Forward(inputs, controlnet->Forward(inputs, fixture.Get("in.controlnet_cond")));
  const at::Tensor loss = (sample - fixture.Get("in.target")).square().mean();
  EXPECT_LT(RelativeError(loss.detach(), fixture.Get("out.loss")), 1e-4);
  loss.backward();
  const std::map<std::string, at::Tensor> expected = fixture.All("grad");
  ASSERT_GT(expected.size(), 50u);
  for (const auto& item : controlnet->named_parameters()) {
    const auto found = expected.find(item.key());
    ASSERT_EQ(item.value().grad().defined(), found != expected.end()) << item.key();
    if (found == expected.end()) continue;
    EXPECT_LT(RelativeError(item.value().grad(), found->second), 1e-3) << item.key();
  }
}

TEST(TrainingParityTest, NewControlNetIsTheReferencesFromTransformer) {
  const ReferenceFixture fixture("sd35/training");
  const auto transformer = LoadTransformer(fixture);
  const auto controlnet = SD3ControlNet::FromTransformer(
      *transformer, /*num_layers=*/2, /*extra_conditioning_channels=*/0, at::kFloat);
  const std::map<std::string, at::Tensor> expected = fixture.All("fresh");
  const std::map<std::string, at::Tensor> state = StateOf(*controlnet);
  ASSERT_EQ(state.size(), expected.size());
  for (const auto& [name, tensor] : state) {
    EXPECT_TRUE(at::equal(tensor.detach(), expected.at(name).to(at::kFloat))) << name;
  }
}

class FullSizeTest : public testing::Test {
 protected:
  static void ExpectNames(const torch::nn::Module& module, const std::string& file, size_t tensors,
                          double billions) {
    const NamesAndShapes expected = ReferenceNames(file), ours = NamesOf(module);
    EXPECT_EQ(ours.shapes, expected.shapes);
    EXPECT_EQ(ours.parameters, expected.parameters);
    EXPECT_EQ(ours.shapes.size(), tensors);
    EXPECT_NEAR(static_cast<double>(ours.parameters) / 1e9, billions, 5e-4);
  }
  static SD3TransformerConfig Medium() {
    HfConfig config = HfConfig::FromText(R"({
      "_class_name": "SD3Transformer2DModel", "_diffusers_version": "0.31.0",
      "attention_head_dim": 64, "caption_projection_dim": 1536,
      "dual_attention_layers": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], "in_channels": 16,
      "joint_attention_dim": 4096, "num_attention_heads": 24, "num_layers": 24, "out_channels": 16,
      "patch_size": 2, "pooled_projection_dim": 2048, "pos_embed_max_size": 384,
      "qk_norm": "rms_norm", "sample_size": 128})");
    return ParseSD3Transformer(config);
  }
};

TEST_F(FullSizeTest, MediumTransformerHasTheReferencesParameters) {
  const SD3Transformer net(Medium(), at::device(at::kMeta).dtype(at::kBFloat16));
  ExpectNames(net, "sd35/transformer_medium.names", 909, 2.243);
}

TEST_F(FullSizeTest, MediumControlNetsHaveTheReferencesParameters) {
  SD3ControlNetConfig config;
  static_cast<SD3TransformerConfig&>(config) = Medium();
  ExpectNames(SD3ControlNet(config, at::kMeta), "sd35/controlnet_medium_24.names", 961, 2.326);
  config.num_layers = 12;
  const SD3ControlNet twelve(config, at::kMeta);
  const NamesAndShapes expected = ReferenceNames("sd35/controlnet_medium_12.names");
  EXPECT_EQ(NamesOf(twelve).shapes, expected.shapes);
}

}  // namespace
}  // namespace alignflow
