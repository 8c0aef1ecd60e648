// The alignment loss of SD 3.5 against diffusers and transformers
// (tests/reference/make_sd3_alignment_fixture.py).
#include <gtest/gtest.h>

#include "tests/worker/models/reference_fixture.h"
#include "worker/alignment/align_step.h"
#include "worker/alignment/dinov3_features.h"
#include "worker/models/sd35/autoencoder.h"
#include "worker/models/sd35/velocity.h"

namespace alignflow {
namespace {

template <typename Model, typename Config>
std::shared_ptr<Model> Read(const ReferenceFixture& fixture, const std::string& config_key,
                            const std::string& prefix, Config (*parse)(HfConfig&)) {
  HfConfig config = fixture.Config(config_key);
  auto model = std::make_shared<Model>(parse(config));
  fixture.Load(prefix, *model);
  return model;
}

void Freeze(torch::nn::Module& module) {
  for (at::Tensor& parameter : module.parameters()) parameter.requires_grad_(false);
}

TEST(AlignmentParityTest, EveryGradientOfTheAlignmentLossIsTheReferences) {
  const ReferenceFixture fixture("sd35/alignment"), networks("sd35/training"),
      vision("dinov3/plain");
  const auto transformer =
      Read<SD3Transformer>(networks, "transformer", "transformer", ParseSD3Transformer);
  const auto controlnet =
      Read<SD3ControlNet>(networks, "controlnet", "controlnet", ParseSD3ControlNet);
  const auto autoencoder = Read<AutoencoderKL>(fixture, "vae", "vae", ParseAutoencoderConfig);
  const auto vit = Read<DinoV3ViT>(vision, "config", "model", ParseDinoV3);
  Freeze(*transformer);
  Freeze(*autoencoder);
  Freeze(*vit);
  HfConfig preprocessing = vision.Config("preprocessor_config");

  Sd35Velocity velocity(*transformer, controlnet.get());
  const AutoencoderCodec codec(autoencoder);
  const DinoV3Features extractor(vit, ParseDinoV3Preprocessing(preprocessing));
  RolloutBatch batch;
  batch.states = fixture.Get("in.states");
  batch.index = static_cast<int64_t>(fixture.Number("index"));
  batch.condition.context = fixture.Get("in.context");
  batch.condition.pooled = fixture.Get("in.pooled");
  batch.condition.control = fixture.Get("in.control");
  const at::Tensor loss =
      AlignmentLoss(velocity, codec, extractor, batch, fixture.Get("in.references"));
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

}  // namespace
}  // namespace alignflow
