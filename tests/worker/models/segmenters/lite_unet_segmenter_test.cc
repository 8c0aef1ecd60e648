#include "worker/models/segmenters/lite_unet_segmenter.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <stdexcept>

#include "worker/models/safetensors.h"
#include "worker/models/unet/merged_model.h"
#include "worker/training/optimizer.h"

namespace alignflow {
namespace {

TEST(LiteUNetSegmenterTest, LogitsHaveTheImagesSizeAndOnePlaneAClass) {
  at::set_num_threads(1);
  auto model = MakeSegmenter("unet-lite0", 3, 64, 1, at::kCPU).model;
  const at::NoGradGuard no_grad;
  for (const int64_t size : {32, 64, 80}) {
    const at::Tensor logits = model->Logits(at::zeros({2, 3, size, size}));
    EXPECT_EQ(logits.sizes(), at::IntArrayRef({2, 3, size, size}));
    EXPECT_EQ(logits.scalar_type(), at::kFloat);
  }
  EXPECT_THROW(MakeSegmenter("unet-lite0", 2, 16, 1, at::kCPU), std::invalid_argument);
}

class LiteWeightsTest : public ::testing::Test {
 protected:
  LiteWeightsTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "alignflow-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~LiteWeightsTest() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_;
};

TEST_F(LiteWeightsTest, TheEncoderIsReadAndLearnsAtALowerRateThanTheDecoder) {
  at::manual_seed(3);
  const EfficientNet published(EfficientNetLite("lite0"));
  const std::filesystem::path file = folder_ / "efficientnet-lite0.safetensors";
  WriteSafetensors(file, StateOf(published), {});
  const NewSegmenter made = MakeSegmenter("unet-lite0", 2, 64, 1, at::kCPU, file);
  EXPECT_TRUE(made.pretrained);
  const auto state = StateOf(*made.model), expected = StateOf(published);
  const std::string name = "_blocks.3._depthwise_conv.weight";
  EXPECT_TRUE(state.at("encoder." + name).equal(expected.at(name)));
  EXPECT_LT(made.model->RateScale("encoder." + name), 0.5);
  EXPECT_EQ(made.model->RateScale("up.0.conv1.weight"), 1);
}

TEST_F(LiteWeightsTest, WithoutAFileEverythingIsDrawnFromTheSeedAndLearnsAtOneRate) {
  const auto first = MakeSegmenter("unet-lite0", 2, 64, 3, at::kCPU, folder_ / "none");
  EXPECT_FALSE(first.pretrained);
  const auto again = MakeSegmenter("unet-lite0", 2, 64, 3, at::kCPU);
  const auto other = MakeSegmenter("unet-lite0", 2, 64, 4, at::kCPU);
  const std::string name = "encoder._blocks.7._expand_conv.weight";
  EXPECT_TRUE(StateOf(*first.model).at(name).equal(StateOf(*again.model).at(name)));
  EXPECT_FALSE(StateOf(*first.model).at(name).equal(StateOf(*other.model).at(name)));
  EXPECT_EQ(first.model->RateScale(name), 1);
}

// Batch norms have no running statistics while they train: they are taken afterwards.
TEST(LiteUNetSegmenterTest, ItLearnsBrightSquaresAndSettlesForEvaluation) {
  at::set_num_threads(1);
  at::manual_seed(5);
  auto model = MakeSegmenter("unet-lite0", 2, 32, 1, at::kCPU).model;
  const auto draw = [](int64_t batch) {
    at::manual_seed(100 + batch);
    at::Tensor classes = at::zeros({8, 32, 32}, at::kByte);
    for (int64_t i = 0; i < 8; ++i) {
      const auto corner = at::randint(4, 16, {2}, at::kLong);
      classes[i]
          .narrow(0, corner[0].item<int64_t>(), 12)
          .narrow(1, corner[1].item<int64_t>(), 12)
          .fill_(1);
    }
    const at::Tensor noise = 0.2 * at::randn({8, 3, 32, 32});
    return std::pair((classes.unsqueeze(1) * 0.9 - 0.5 + noise).clamp(-1, 1), classes);
  };
  AdamW optimizer(model->parameters());
  model->train();
  for (int64_t step = 0; step < 30; ++step) {
    const auto [images, classes] = draw(step);
    SegmentationLoss(model->Logits(images), classes).backward();
    optimizer.Step(2e-3);
  }
  model->Settle([&](int64_t batch) { return draw(batch).first; }, 8);
  const auto [images, classes] = draw(1000);
  const at::Tensor bytes = images.add(1).mul(127.5).round().to(at::kByte);
  const double wrong =
      Segment(*model, bytes, at::kCPU).ne(classes).to(at::kFloat).mean().item<double>();
  EXPECT_LT(wrong, 0.06) << "background alone would be 0.14";
}

}  // namespace
}  // namespace alignflow
