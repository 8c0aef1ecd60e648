#include "worker/alignment/slice_features.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "worker/alignment/align_step.h"
#include "worker/alignment/filter_bank.h"
#include "worker/models/unet/backbone.h"

namespace alignflow {
namespace {

// The channels' means and mean squares, in the image's own precision.
class Moments : public FeatureExtractor {
 public:
  int64_t width() const override { return 6; }
  at::Tensor Features(const at::Tensor& image) const override {
    return at::cat({image.mean({2, 3}), image.square().mean({2, 3})}, 1);
  }
};

TEST(SliceFeaturesTest, AreThoseOfThreePicturesOfThreeSlicesEach) {
  const at::Tensor volumes = at::rand({2, 1, 16, 16, 16}) * 2 - 1;
  const SliceFeatures slices(std::make_shared<const Moments>());
  at::Tensor mean = at::zeros({2});
  for (const int64_t place : {6, 8, 10}) {
    for (const int64_t axis : {2, 3, 4}) mean += volumes.select(axis, place).mean({1, 2, 3});
  }
  const at::Tensor features = slices.Features(volumes);
  EXPECT_EQ(features.sizes(), (at::IntArrayRef{2, 6}));
  for (const int64_t channel : {0, 1, 2}) {
    EXPECT_TRUE(at::allclose(features.select(1, channel), mean / 9, 1e-5, 1e-6));
  }
  EXPECT_THROW(slices.Features(volumes[0]), std::invalid_argument);
}

TEST(SliceFeaturesTest, TheirGradientIsThatOfFiniteDifferences) {
  const SliceFeatures slices(std::make_shared<const Moments>());
  at::Tensor volume = at::rand({1, 1, 8, 8, 8}, at::kDouble).requires_grad_(true);
  const auto loss = [&](const at::Tensor& of) { return slices.Features(of).square().sum(); };
  loss(volume).backward();
  const at::NoGradGuard no_grad;
  const at::Tensor direction = at::randn({1, 1, 8, 8, 8}, at::kDouble);
  const double step = 1e-5;
  const double slope =
      ((loss(volume + step * direction) - loss(volume - step * direction)) / (2 * step))
          .item<double>();
  EXPECT_NEAR((volume.grad() * direction).sum().item<double>(), slope, 1e-6 * std::abs(slope));
  EXPECT_EQ(volume.grad()[0][0][0][0][0].item<double>(), 0) << "of no slice";
  EXPECT_NE(volume.grad()[0][0][4][1][1].item<double>(), 0);
}

// The tunable step's gradient in three dimensions, through codec and slices, into what stage 2
// trains. Held against the loss a little further along the gradient and a little before.
class VolumeAlignStepTest : public testing::Test {
 protected:
  VolumeAlignStepTest() {
    at::manual_seed(3);
    UNetBackboneConfig config = UNetPreset("unet3d-32", 2);
    config.unet.num_channels = {8, 8, 16};
    config.unet.num_head_channels = {8, 8, 16};
    config.unet.conditioning_embedding_num_channels = {8};
    model_ = std::make_unique<UNetBackbone>(config, 1);
    {
      // The last layers start at zero, through which nothing passes back.
      const at::NoGradGuard no_grad;
      for (at::Tensor parameter : model_->fit_parameters()) {
        parameter.add_(at::randn_like(parameter), 0.05);
      }
    }
    volumes_ = Bodies(4, 0.1);
    model_->codec().blocks().Fit(volumes_);
    batch_.index = 18;
    batch_.states = 0.9 * model_->codec().Encode(volumes_) + 0.1 * at::randn({4, 8, 16, 16, 16});
    batch_.condition =
        model_->ConditionOn(model_->EncodeMasks(at::randint(0, 2, {4, 32, 32, 32}, at::kByte)));
    references_ = Bodies(3, 0.5);
    FilterBank bank;
    bank.Fit(RawFilterBank(SlicesOf(at::cat({volumes_, references_}))));
    extractor_ =
        std::make_shared<const SliceFeatures>(std::make_shared<const FilterBank>(std::move(bank)));
    features_ = extractor_->Features(references_);
  }
  // Smooth cubes of a mean grey within black.
  static at::Tensor Bodies(int64_t count, double grey) {
    at::Tensor x = at::full({count, 1, 32, 32, 32}, -1.0);
    const at::Tensor noise = at::avg_pool3d(at::randn({count, 1, 26, 26, 26}), 3, 1);
    x.slice(2, 4, 28).slice(3, 4, 28).slice(4, 4, 28).copy_(grey + 0.4 * noise);
    return x;
  }
  static at::Tensor SlicesOf(const at::Tensor& volumes) {
    return SlicesSideBySide(volumes, {16, 16, 16}).expand({-1, 3, -1, -1}).contiguous();
  }
  at::Tensor Loss() {
    return AlignmentLoss(*model_, model_->codec(), *extractor_, batch_, features_);
  }
  void ExpectGradientsOf(const std::vector<at::Tensor>& parameters) {
    for (const at::Tensor& parameter : model_->fit_parameters()) parameter.requires_grad_(false);
    for (const at::Tensor& parameter : parameters) parameter.requires_grad_(true);
    Loss().backward();
    const at::NoGradGuard no_grad;
    double square = 0;
    for (const at::Tensor& parameter : parameters) {
      if (parameter.grad().defined()) square += parameter.grad().square().sum().item<double>();
    }
    const double slope = std::sqrt(square);
    ASSERT_GT(slope, 0);
    const double step = 1e-2 * std::min(1.0, std::abs(Loss().item<double>()) / slope);
    const auto moved = [&](double by) {
      for (const at::Tensor& parameter : parameters) {
        if (parameter.grad().defined()) parameter.add_(parameter.grad() / slope, by);
      }
      return Loss().item<double>();
    };
    const double after = moved(step), before = moved(-2 * step);
    EXPECT_NEAR((after - before) / (2 * step), slope, 0.05 * slope);
  }

  std::unique_ptr<UNetBackbone> model_;
  at::Tensor volumes_, references_, features_;
  RolloutBatch batch_;
  std::shared_ptr<const FeatureExtractor> extractor_;
};

TEST_F(VolumeAlignStepTest, ReachesTheControlBranch) {
  ExpectGradientsOf(model_->align_parameters());
}

TEST_F(VolumeAlignStepTest, ReachesTheStyleHead) {
  model_->codec().MatchMoments(model_->codec().Encode(volumes_), Bodies(3, 0.3),
                               at::make_generator<at::CPUGeneratorImpl>(1));
  ExpectGradientsOf(model_->style_parameters());
}

}  // namespace
}  // namespace alignflow
