#include "worker/models/segmenters/lite_unet_segmenter.h"

#include <ATen/ATen.h>
#include <torch/nn/modules/container/modulelist.h>

#include <iterator>
#include <stdexcept>
#include <string>

#include "worker/models/batch_norm.h"

namespace alignflow {
namespace {

constexpr int64_t kChannels[] = {24, 32, 48, 96};  // from the finest level
constexpr int64_t kLeastSize = 32;
constexpr double kPretrainedRate = 0.3;
constexpr char kEncoder[] = "encoder";

EfficientNetConfig EncoderConfig() {
  EfficientNetConfig config = EfficientNetLite("lite0");
  config.head = 0;
  config.classes = 0;
  return config;
}

}  // namespace

// Two convolutions, each with batch norm and ReLU.
class LiteUNetSegmenter::Level : public torch::nn::Module {
 public:
  Level(int64_t in, int64_t out) {
    for (int i = 0; i < 2; ++i) {
      const std::string number = std::to_string(i + 1);
      convolutions_.push_back(register_module(
          "conv" + number,
          std::make_shared<Convolution>(ConvolutionOptions{.in_channels = i == 0 ? in : out,
                                                           .out_channels = out,
                                                           .bias = false,
                                                           .nested = false})));
      norms_.push_back(register_module("norm" + number, std::make_shared<BatchNorm>(out)));
    }
  }

  at::Tensor Forward(at::Tensor x) const {
    for (size_t i = 0; i < convolutions_.size(); ++i) {
      x = norms_[i]->Forward(convolutions_[i]->Forward(x)).relu_();
    }
    return x;
  }

 private:
  std::vector<std::shared_ptr<Convolution>> convolutions_;
  std::vector<std::shared_ptr<BatchNorm>> norms_;
};

LiteUNetSegmenter::LiteUNetSegmenter(int64_t classes, int64_t size,
                                     const std::filesystem::path& weights)
    : pretrained_(!weights.empty()),
      encoder_(register_module(kEncoder, std::make_shared<EfficientNet>(EncoderConfig()))) {
  if (size < kLeastSize) {
    throw std::invalid_argument("the segmenter unet-lite0 takes images of at least " +
                                std::to_string(kLeastSize) + " pixels, not " +
                                std::to_string(size));
  }
  if (pretrained_) LoadEfficientNet(weights, *encoder_);
  const std::vector<int64_t> skips = encoder_->config().LevelChannels();
  torch::nn::ModuleList up;
  for (size_t i = 0; i < std::size(kChannels); ++i) {
    const int64_t coarser = i + 1 < std::size(kChannels) ? kChannels[i + 1] : skips.back();
    up_.push_back(std::make_shared<Level>(coarser + skips[i], kChannels[i]));
    up->push_back(up_.back());
  }
  register_module("up", up);
  head_ = register_module(
      "head",
      std::make_shared<Convolution>(ConvolutionOptions{
          .in_channels = kChannels[0], .out_channels = classes, .kernel = 1, .nested = false}));
}

void LiteUNetSegmenter::Settle(const std::function<at::Tensor(int64_t batch)>& images,
                               int64_t batches) {
  SettleBatchNorms(
      *this, [&](int64_t i) { Logits(images(i)); }, batches);
}

double LiteUNetSegmenter::RateScale(const std::string& parameter) const {
  return pretrained_ && parameter.starts_with(std::string(kEncoder) + ".") ? kPretrainedRate : 1;
}

at::Tensor LiteUNetSegmenter::Predict(const at::Tensor& images) {
  const std::vector<at::Tensor> levels = encoder_->Levels(EfficientNet::Pixels(images));
  at::Tensor x = levels.back();
  for (size_t i = up_.size(); i-- > 0;) {
    const at::Tensor wide = at::upsample_nearest2d(x, levels[i].sizes().slice(2));
    x = up_[i]->Forward(at::cat({wide, levels[i]}, 1));
  }
  return at::upsample_bilinear2d(head_->Forward(x).to(at::kFloat), images.sizes().slice(2),
                                 /*align_corners=*/false);
}

}  // namespace alignflow
