#include "worker/models/segmenters/unet_segmenter.h"

#include <ATen/ATen.h>
#include <torch/nn/modules/container/modulelist.h>

#include <algorithm>
#include <stdexcept>
#include <string>

namespace alignflow {
namespace {

constexpr int64_t kUNetChannels[] = {16, 32, 64, 96};
constexpr int64_t kGroups = 8;
constexpr int64_t kCoarsest = 8;  // pixels

std::vector<int64_t> ChannelsOf(int64_t size) {
  std::vector<int64_t> channels(std::begin(kUNetChannels), std::end(kUNetChannels));
  for (int64_t side = size / 8; side % 2 == 0 && side > kCoarsest; side /= 2) {
    channels.push_back(channels.back());
  }
  return channels;
}

at::Tensor Halved(const at::Tensor& x) {
  return x.dim() == 5 ? at::max_pool3d(x, 2, 2) : at::max_pool2d(x, 2, 2);
}

// Repeated to the size of another level.
at::Tensor Widened(const at::Tensor& x, const at::Tensor& level) {
  const at::IntArrayRef size = level.sizes().slice(2);
  return x.dim() == 5 ? at::upsample_nearest3d(x, size) : at::upsample_nearest2d(x, size);
}

}  // namespace

// Two convolutions, each with group norm and SiLU.
class UNetSegmenter::Level : public torch::nn::Module {
 public:
  Level(int64_t dims, int64_t in, int64_t out) {
    for (int i = 0; i < 2; ++i) {
      const std::string number = std::to_string(i + 1);
      convolutions_.push_back(register_module(
          "conv" + number,
          std::make_shared<Convolution>(ConvolutionOptions{.spatial_dims = dims,
                                                           .in_channels = i == 0 ? in : out,
                                                           .out_channels = out,
                                                           .nested = false})));
      norms_.push_back(
          register_module("norm" + number, std::make_shared<GroupNorm>(kGroups, out, 1e-5)));
    }
  }

  at::Tensor Forward(at::Tensor x) const {
    for (size_t i = 0; i < convolutions_.size(); ++i) {
      x = norms_[i]->Forward(convolutions_[i]->Forward(x), Activation::kSilu);
    }
    return x;
  }

 private:
  std::vector<std::shared_ptr<Convolution>> convolutions_;
  std::vector<std::shared_ptr<GroupNorm>> norms_;
};

UNetSegmenter::UNetSegmenter(int64_t classes, int64_t size, int64_t dims) : dims_(dims) {
  if (size < 16 || size % 8 != 0) {
    throw std::invalid_argument("the U-Net segmenter takes images with sides of a multiple of 8 " +
                                std::string("pixels, not ") + std::to_string(size));
  }
  const std::vector<int64_t> channels = ChannelsOf(size);
  torch::nn::ModuleList down, up;
  for (size_t i = 0; i < channels.size(); ++i) {
    down_.push_back(
        std::make_shared<Level>(dims, i == 0 ? (dims == 3 ? 1 : 3) : channels[i - 1], channels[i]));
    down->push_back(down_.back());
    if (i + 1 == channels.size()) break;
    up_.push_back(std::make_shared<Level>(dims, channels[i] + channels[i + 1], channels[i]));
    up->push_back(up_.back());
  }
  register_module("down", down);
  register_module("up", up);
  head_ = register_module(
      "head", std::make_shared<Convolution>(ConvolutionOptions{.spatial_dims = dims,
                                                               .in_channels = channels[0],
                                                               .out_channels = classes,
                                                               .kernel = 1,
                                                               .nested = false}));
}

at::Tensor UNetSegmenter::Predict(const at::Tensor& images) {
  at::Tensor x = images.contiguous(ChannelsLast(dims_));
  std::vector<at::Tensor> skips;
  for (size_t i = 0; i < down_.size(); ++i) {
    if (i > 0) x = Halved(x);
    x = down_[i]->Forward(x);
    skips.push_back(x);
  }
  for (size_t i = up_.size(); i-- > 0;) {
    x = up_[i]->Forward(at::cat({skips[i], Widened(x, skips[i])}, 1));
  }
  return head_->Forward(x);
}

}  // namespace alignflow
