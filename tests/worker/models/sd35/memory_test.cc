#include "worker/models/sd35/memory.h"

#include <gmock/gmock.h>

#include "tests/common/temp_folder.h"
#include "tests/worker/models/reference_fixture.h"
#include "tests/worker/models/tiny_sd35.h"

namespace alignflow {
namespace {

using testing::HasSubstr;
using Kind = Sd35Work::Kind;

constexpr int64_t kGibibyte = int64_t{1} << 30;

int64_t PartOf(const MemoryEstimate& estimate, const std::string& what) {
  for (const auto& part : estimate.parts) {
    if (part.what == what) return part.bytes;
  }
  return 0;
}

class Sd35MemoryTest : public testing::Test {
 protected:
  Sd35MemoryTest() { PutTinySd35(weights_); }

  MemoryEstimate Estimate(const Sd35Work& work, at::ScalarType type = at::kFloat) const {
    return EstimateSd35Memory(weights_, work, at::TensorOptions(type));
  }
  // Numbers in a stored file.
  int64_t NumbersIn(const std::string& file) const {
    const SafetensorsFile tensors(weights_ / file);
    int64_t numbers = 0;
    for (const std::string& name : tensors.Names()) numbers += tensors.Get(name).numel();
    return numbers;
  }

  TempFolder folder_;
  const std::filesystem::path weights_ = folder_.path() / "weights";
};

TEST_F(Sd35MemoryTest, WeightsAreCountedExactly) {
  const Sd35Work fit{.kind = Kind::kFit, .size = 64, .batch = 2};
  const int64_t transformer = NumbersIn("transformer/diffusion_pytorch_model.safetensors");
  const int64_t control = PartOf(Estimate(fit), "ControlNet") / 4;
  EXPECT_EQ(PartOf(Estimate(fit), "transformer"), 4 * transformer);
  EXPECT_EQ(PartOf(Estimate(fit, at::kBFloat16), "transformer"), 2 * transformer);
  EXPECT_EQ(PartOf(Estimate(fit), "autoencoder"),
            4 * NumbersIn("vae/diffusion_pytorch_model.safetensors"));
  EXPECT_EQ(PartOf(Estimate(fit, at::kBFloat16), "ControlNet"), 4 * control)
      << "what trains is float32";
  const int64_t trained = control - 8 * 8 * 16;  // without the position table
  EXPECT_EQ(PartOf(Estimate(fit), "optimiser"), 12 * trained);
  EXPECT_EQ(PartOf(Estimate(fit), "DINOv3"), 0);
  Sd35Work more = fit;
  more.kind = Kind::kAlign;
  more.average = more.copy = true;
  EXPECT_EQ(PartOf(Estimate(more), "optimiser"), 16 * trained);
  EXPECT_EQ(PartOf(Estimate(more), "ControlNet"), 8 * control);
  EXPECT_EQ(PartOf(Estimate(more), "DINOv3"), 4 * NumbersIn("dinov3/model.safetensors"));
  EXPECT_EQ(PartOf(Estimate({.size = 64, .batch = 2}), "optimiser"), 0) << "sampling";
}

TEST_F(Sd35MemoryTest, AMaskModelIsAnotherTransformerOrAdapters) {
  const int64_t transformer = NumbersIn("transformer/diffusion_pytorch_model.safetensors");
  const Sd35Work whole{.kind = Kind::kFitMasks, .size = 64, .batch = 2};
  const MemoryEstimate fit = Estimate(whole, at::kBFloat16);
  EXPECT_EQ(PartOf(fit, "transformer"), 2 * transformer) << "the base, which others share";
  EXPECT_EQ(PartOf(fit, "mask model"), 4 * transformer);
  EXPECT_EQ(PartOf(fit, "optimiser"), 12 * (transformer - 8 * 8 * 16));
  EXPECT_EQ(PartOf(fit, "ControlNet"), 0);
  Sd35Work adapters = whole;
  adapters.adapter_rank = 2;
  // The tiny transformer of width 16 has a dual block of 12 such layers, and one where the text
  // ends, of 7.
  EXPECT_EQ(PartOf(Estimate(adapters), "adapters"), 4 * 19 * 2 * 2 * 16);
  EXPECT_EQ(PartOf(Estimate(adapters), "optimiser"), 12 * 19 * 2 * 2 * 16);
  EXPECT_EQ(PartOf(Estimate(adapters), "mask model"), 0);
  const MemoryEstimate sampling =
      Estimate({.kind = Kind::kMasks, .size = 64, .batch = 2}, at::kBFloat16);
  EXPECT_EQ(PartOf(sampling, "mask model"), 2 * transformer);
  EXPECT_EQ(PartOf(sampling, "optimiser"), 0);
}

TEST_F(Sd35MemoryTest, ItGrowsWithTheWork) {
  const auto total = [this](const Sd35Work& work) { return Estimate(work).Total(); };
  const int64_t fit = total({.kind = Kind::kFit, .size = 64, .batch = 2});
  EXPECT_LT(total({.size = 64, .batch = 2}), fit);
  EXPECT_LT(fit, total({.kind = Kind::kFit, .size = 64, .batch = 8}));
  EXPECT_LT(fit, total({.kind = Kind::kFit, .size = 128, .batch = 2}));
  EXPECT_LT(fit, total({.kind = Kind::kAlign, .size = 64, .batch = 2}));
}

TEST_F(Sd35MemoryTest, TheTextSaysTheSumAndItsParts) {
  const MemoryEstimate estimate{.parts = {{"one", 3 * kGibibyte}, {"two", kGibibyte / 2}}};
  EXPECT_EQ(estimate.Text(), "3.5 GiB: one 3.0, two 0.5");
}

// The published sizes: weights as counted from the reference's own lists, the sum as a person would
// estimate it.
TEST_F(Sd35MemoryTest, AtFullSizeThePositionTablesAreCountedAndStage1TakesTensOfGibibytes) {
  WriteFile(weights_ / "transformer" / "config.json", R"({
      "sample_size": 128, "patch_size": 2, "in_channels": 16, "num_layers": 24,
      "attention_head_dim": 64, "num_attention_heads": 24, "joint_attention_dim": 4096,
      "caption_projection_dim": 1536, "pooled_projection_dim": 2048, "out_channels": 16,
      "pos_embed_max_size": 384, "qk_norm": "rms_norm",
      "dual_attention_layers": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]})");
  WriteFile(weights_ / "vae" / "config.json", R"({
      "block_out_channels": [128, 256, 512, 512], "layers_per_block": 2, "latent_channels": 16,
      "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D",
                           "DownEncoderBlock2D"],
      "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D",
                         "UpDecoderBlock2D"],
      "use_quant_conv": false, "use_post_quant_conv": false})");
  const int64_t transformer =
      ReferenceNames("sd35/transformer_medium.names").parameters + int64_t{384} * 384 * 1536;
  const MemoryEstimate fit = Estimate({.kind = Kind::kFit, .size = 512, .batch = 4}, at::kBFloat16);
  EXPECT_EQ(PartOf(fit, "transformer"), 2 * transformer);
  EXPECT_EQ(PartOf(fit, "ControlNet"),
            4 * (ReferenceNames("sd35/controlnet_medium_12.names").parameters +
                 int64_t{384} * 384 * 1536));
  EXPECT_GT(fit.Total(), 25 * kGibibyte) << fit.Text();
  EXPECT_LT(fit.Total(), 45 * kGibibyte) << fit.Text();
  const MemoryEstimate align =
      Estimate({.kind = Kind::kAlign, .size = 512, .batch = 4}, at::kBFloat16);
  EXPECT_GT(align.Total(), fit.Total());
  EXPECT_LT(align.Total(), 70 * kGibibyte) << align.Text();
  // The preset's default learns masks on a GPU of 80 GB, adapters on one of 24.
  Sd35Work masks{.kind = Kind::kFitMasks, .size = 512, .batch = 4};
  EXPECT_GT(Estimate(masks, at::kBFloat16).Total(), 38 * kGibibyte);
  EXPECT_LT(Estimate(masks, at::kBFloat16).Total(), 60 * kGibibyte);
  masks.adapter_rank = 16;
  EXPECT_LT(Estimate(masks, at::kBFloat16).Total(), 18 * kGibibyte);
}

// T5-XXL is let go before the rest is read; on its own it may need the most.
TEST_F(Sd35MemoryTest, ATextEncoderThatNeedsMoreThanAllTheRestIsTheOnlyPart) {
  WriteFile(weights_ / "text_encoder_3" / "config.json", R"({
      "vocab_size": 32128, "d_model": 4096, "d_kv": 64, "d_ff": 10240, "num_layers": 24,
      "num_heads": 64, "feed_forward_proj": "gated-gelu"})");
  const MemoryEstimate estimate = Estimate({.size = 64, .batch = 2}, at::kBFloat16);
  ASSERT_EQ(estimate.parts.size(), 1u);
  EXPECT_EQ(estimate.Total(), 2 * ReferenceNames("sd35/t5_xxl.names").parameters);
  EXPECT_THAT(estimate.Text(), HasSubstr("text encoder 8.9"));
}

}  // namespace
}  // namespace alignflow
