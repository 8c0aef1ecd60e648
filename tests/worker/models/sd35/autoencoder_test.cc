// AutoencoderKL against diffusers' own outputs and gradients
// (tests/reference/make_autoencoder_fixtures.py).
#include "worker/models/sd35/autoencoder.h"

#include <gmock/gmock.h>

#include "tests/worker/models/reference_fixture.h"

namespace alignflow {
namespace {

using testing::HasSubstr;

std::shared_ptr<AutoencoderKL> LoadAutoencoder(const ReferenceFixture& fixture) {
  HfConfig config = fixture.Config("vae");
  auto net = std::make_shared<AutoencoderKL>(ParseAutoencoderConfig(config));
  fixture.Load("vae", *net);
  return net;
}

class AutoencoderParityTest : public testing::TestWithParam<const char*> {};

TEST_P(AutoencoderParityTest, OutputsAndGradientsAreTheReferences) {
  const ReferenceFixture fixture(std::string("sd35/autoencoder_") + GetParam());
  const auto net = LoadAutoencoder(fixture);
  const at::Tensor image = fixture.Get("in.image").requires_grad_();
  const at::Tensor latent = fixture.Get("in.latent").requires_grad_();
  const AutoencoderKL::Moments moments = net->Encode(image);
  const std::map<std::string, at::Tensor> outputs = {{"latent_mean", moments.mean},
                                                     {"latent_logvar", moments.logvar},
                                                     {"image", net->Decode(latent)}};
  at::Tensor loss = at::zeros({});
  for (const auto& [name, value] : outputs) {
    EXPECT_LT(RelativeError(value.detach(), fixture.Get("out." + name)), 1e-4) << name;
    loss = loss + (value * fixture.Get("probe." + name)).sum();
  }
  loss.backward();
  EXPECT_LT(RelativeError(image.grad(), fixture.Get("grad.image")), 1e-3);
  EXPECT_LT(RelativeError(latent.grad(), fixture.Get("grad.latent")), 1e-3);
}

TEST_P(AutoencoderParityTest, InferenceModeGivesTheReferencesResult) {
  const ReferenceFixture fixture(std::string("sd35/autoencoder_") + GetParam());
  const auto net = LoadAutoencoder(fixture);
  const c10::InferenceMode guard;
  EXPECT_LT(
      RelativeError(net->Encode(fixture.Get("in.image")).mean, fixture.Get("out.latent_mean")),
      1e-4);
  EXPECT_LT(RelativeError(net->Decode(fixture.Get("in.latent")), fixture.Get("out.image")), 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Reference, AutoencoderParityTest,
                         testing::Values("sd35", "quant", "odd", "grey", "wide"),
                         [](const auto& info) { return info.param; });

TEST(AutoencoderTest, FullSizeHasTheReferencesNamesAndShapes) {
  HfConfig config = HfConfig::FromText(R"({
    "_class_name": "AutoencoderKL", "act_fn": "silu", "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D",
                         "DownEncoderBlock2D"],
    "force_upcast": true, "in_channels": 3, "latent_channels": 16, "latents_mean": null,
    "latents_std": null, "layers_per_block": 2, "norm_num_groups": 32, "out_channels": 3,
    "sample_size": 1024, "scaling_factor": 1.5305, "shift_factor": 0.0609,
    "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D",
                       "UpDecoderBlock2D"],
    "use_post_quant_conv": false, "use_quant_conv": false})");
  const AutoencoderKL net(ParseAutoencoderConfig(config), at::kMeta);
  const NamesAndShapes ours = NamesOf(net);
  const NamesAndShapes reference = ReferenceNames("sd35/autoencoder_sd35.names");
  EXPECT_EQ(ours.shapes, reference.shapes);
  EXPECT_EQ(ours.parameters, reference.parameters);
  EXPECT_EQ(ours.shapes.size(), 244U);
  EXPECT_EQ(net.config().Downscale(), 8);
}

TEST(AutoencoderTest, CodecShiftsAndScalesLatentsAndBack) {
  const ReferenceFixture fixture("sd35/autoencoder_odd");
  const auto net = LoadAutoencoder(fixture);
  const AutoencoderCodec codec(net);
  const c10::InferenceMode guard;
  const at::Tensor mean = fixture.Get("out.latent_mean");
  const at::Tensor scaled = (mean - 0.25) * 0.18215;
  EXPECT_LT(RelativeError(codec.Encode(fixture.Get("in.image")), scaled), 1e-4);
  EXPECT_LT(RelativeError(codec.Decode(scaled), net->Decode(mean)), 1e-4);
}

TEST(AutoencoderTest, RefusesTensorsThatDoNotFit) {
  const ReferenceFixture fixture("sd35/autoencoder_odd");
  const auto net = LoadAutoencoder(fixture);
  EXPECT_THROW(net->Encode(at::zeros({1, 4, 16, 16})), std::invalid_argument);
  EXPECT_THROW(net->Encode(at::zeros({3, 16, 16})), std::invalid_argument);
  EXPECT_THROW(net->Encode(at::zeros({1, 3, 3, 16})), std::invalid_argument);
  EXPECT_THROW(net->Decode(at::zeros({1, 3, 4, 4})), std::invalid_argument);
}

TEST(AutoencoderTest, ConfigErrorsNameTheField) {
  const auto error_of = [](const std::string& text) -> std::string {
    try {
      HfConfig config = HfConfig::FromText(text);
      ParseAutoencoderConfig(config);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(error_of("{}"), "");
  EXPECT_THAT(error_of(R"({"act_fn": "gelu"})"), HasSubstr("'act_fn'"));
  EXPECT_THAT(error_of(R"({"block_out_channels": [48]})"), HasSubstr("'block_out_channels'"));
  EXPECT_THAT(error_of(R"({"block_out_channels": []})"), HasSubstr("'block_out_channels'"));
  EXPECT_THAT(error_of(R"({"down_block_types": ["AttnDownEncoderBlock2D"]})"),
              HasSubstr("'down_block_types'"));
  EXPECT_THAT(error_of(R"({"up_block_types": []})"), HasSubstr("'up_block_types'"));
  EXPECT_THAT(error_of(R"({"latents_mean": [0.5]})"), HasSubstr("'latents_mean'"));
  EXPECT_THAT(error_of(R"({"scaling_factor": 0})"), HasSubstr("'scaling_factor'"));
  EXPECT_THAT(error_of(R"({"layers_per_block": 0})"), HasSubstr("'layers_per_block'"));
  EXPECT_THAT(error_of(R"({"shiny": 1})"), HasSubstr("'shiny'"));
}

}  // namespace
}  // namespace alignflow
