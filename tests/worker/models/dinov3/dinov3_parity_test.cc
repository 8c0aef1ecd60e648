// DINOv3 against transformers' own outputs and gradients (tests/reference/make_dinov3_fixtures.py).
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>

#include "tests/worker/models/reference_fixture.h"
#include "worker/alignment/dinov3_features.h"
#include "worker/models/dinov3/dinov3_vit.h"

namespace alignflow {
namespace {

using testing::HasSubstr;

class DinoV3ParityTest : public testing::TestWithParam<const char*> {
 protected:
  DinoV3ParityTest() : fixture_(std::string("dinov3/") + GetParam()) {
    HfConfig config = fixture_.Config("config");
    model_ = std::make_shared<DinoV3ViT>(ParseDinoV3(config));
    fixture_.Load("model", *model_);
    HfConfig preprocessing = fixture_.Config("preprocessor_config");
    preprocessing_ = ParseDinoV3Preprocessing(preprocessing);
  }
  ReferenceFixture fixture_;
  std::shared_ptr<DinoV3ViT> model_;
  DinoV3Preprocessing preprocessing_;
};

TEST_P(DinoV3ParityTest, TokensAreTheReferences) {
  const at::NoGradGuard no_grad;
  const DinoV3ViT::Output output = model_->Forward(fixture_.Get("pixel_values"));
  EXPECT_LT(RelativeError(output.last_hidden_state, fixture_.Get("last_hidden_state")), 1e-4);
  EXPECT_LT(RelativeError(output.pooler_output, fixture_.Get("pooler_output")), 1e-4);
}

TEST_P(DinoV3ParityTest, PixelsAreTheReferences) {
  const at::Tensor pixels = DinoV3Pixels(fixture_.Get("image"), preprocessing_);
  EXPECT_LT(RelativeError(pixels, fixture_.Get("pixel_values")), 1e-5);
}

TEST_P(DinoV3ParityTest, FeaturesAndTheirGradientAreTheReferences) {
  const DinoV3Features features(model_, preprocessing_);
  const at::Tensor image = fixture_.Get("image").requires_grad_();
  const at::Tensor pooled = features.Features(image);
  EXPECT_EQ(features.width(), pooled.size(1));
  EXPECT_LT(RelativeError(pooled.detach(), fixture_.Get("pooler_output")), 1e-4);
  (pooled * fixture_.Get("probe")).sum().backward();
  EXPECT_LT(RelativeError(image.grad(), fixture_.Get("grad.image")), 1e-3);
}

INSTANTIATE_TEST_SUITE_P(Reference, DinoV3ParityTest,
                         testing::Values("plain", "gated", "biases", "odd"),
                         [](const auto& info) { return info.param; });

TEST(DinoV3Test, HugePlusHasTheReferencesParameters) {
  HfConfig config = HfConfig::FromText(R"({
    "hidden_act": "silu", "hidden_size": 1280, "intermediate_size": 5120, "model_type": "dinov3_vit",
    "num_attention_heads": 20, "num_hidden_layers": 32, "num_register_tokens": 4,
    "use_gated_mlp": true})");
  const DinoV3ViT model(ParseDinoV3(config), at::kMeta);
  const NamesAndShapes expected = ReferenceNames("dinov3/vit_huge_plus.names");
  const NamesAndShapes ours = NamesOf(model);
  EXPECT_EQ(ours.shapes, expected.shapes);
  EXPECT_EQ(ours.shapes.size(), 615u);
  EXPECT_NEAR(static_cast<double>(ours.parameters) / 1e6, 840.6, 0.05);
}

TEST(DinoV3Test, FieldsThatCannotBeHonouredAreRefusedByName) {
  const auto error_of = [](const std::string& text) -> std::string {
    try {
      HfConfig config = HfConfig::FromText(text, "config.json");
      ParseDinoV3(config);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(error_of("{}"), "");
  EXPECT_THAT(error_of(R"({"hidden_act": "relu"})"), HasSubstr("'hidden_act'"));
  EXPECT_THAT(error_of(R"({"model_type": "dinov2"})"), HasSubstr("'model_type'"));
  EXPECT_THAT(error_of(R"({"num_attention_heads": 5})"), HasSubstr("'num_attention_heads'"));
  EXPECT_THAT(error_of(R"({"use_swiglu_ffn": true})"), HasSubstr("'use_swiglu_ffn'"));
}

// Older releases write every field of the image processor.
TEST(DinoV3Test, PreprocessingOfOlderReleasesIsRead) {
  HfConfig config = HfConfig::FromText(R"({
    "crop_size": null, "data_format": "channels_first", "default_to_square": true, "device": null,
    "disable_grouping": null, "do_center_crop": null, "do_convert_rgb": null, "do_normalize": true,
    "do_rescale": true, "do_resize": true, "image_mean": [0.43, 0.411, 0.296],
    "image_processor_type": "DINOv3ViTImageProcessorFast", "image_std": [0.213, 0.156, 0.143],
    "input_data_format": null, "resample": 2, "rescale_factor": 0.00392156862745098,
    "return_tensors": null, "size": {"height": 256, "width": 192}})");
  const DinoV3Preprocessing preprocessing = ParseDinoV3Preprocessing(config);
  EXPECT_EQ(preprocessing.height, 256);
  EXPECT_EQ(preprocessing.width, 192);
  EXPECT_EQ(preprocessing.mean[2], 0.296);
  EXPECT_EQ(preprocessing.deviation[1], 0.156);
}

TEST(DinoV3Test, PreprocessingThatCannotBeHonouredIsRefusedByName) {
  const auto error_of = [](const std::string& text) -> std::string {
    try {
      HfConfig config = HfConfig::FromText(text, "preprocessor_config.json");
      ParseDinoV3Preprocessing(config);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(error_of("{}"), "");
  EXPECT_THAT(error_of(R"({"resample": 3})"), HasSubstr("'resample'"));
  EXPECT_THAT(error_of(R"({"do_center_crop": true})"), HasSubstr("'do_center_crop'"));
  EXPECT_THAT(error_of(R"({"size": {"shortest_edge": 224}})"), HasSubstr("height"));
  EXPECT_THAT(error_of(R"({"image_mean": [0.5]})"), HasSubstr("'image_mean'"));
}

}  // namespace
}  // namespace alignflow
