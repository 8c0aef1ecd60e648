#include "worker/models/unet/diffusion_model_unet.h"

#include <ATen/ATen.h>
#include <torch/nn/modules/container/modulelist.h>

#include <stdexcept>
#include <string>

namespace alignflow {

DiffusionModelUNet::DiffusionModelUNet(const UNetConfig& config)
    : UNetEncoder(config, config.dropout_cattn) {
  torch::nn::ModuleList list;
  for (size_t level = config.num_channels.size(); level-- > 0;) {
    up_blocks_.push_back(std::make_shared<UpBlock>(config, level, config.dropout_cattn));
    list->push_back(up_blocks_.back());
  }
  register_module("up_blocks", list);
  // MONAI's nn.Sequential(GroupNorm, SiLU, Convolution): children "0" and "2".
  const int64_t width = config.num_channels[0];
  auto out = register_module("out", std::make_shared<torch::nn::Module>("out"));
  out_norm_ = out->register_module(
      "0", std::make_shared<GroupNorm>(config.norm_num_groups, width, config.norm_eps));
  out_conv_ = out->register_module(
      "2", std::make_shared<Convolution>(ConvolutionOptions{.spatial_dims = config.spatial_dims,
                                                            .in_channels = width,
                                                            .out_channels = config.out_channels,
                                                            .zero = true}));
}

at::Tensor DiffusionModelUNet::Forward(const at::Tensor& x, const at::Tensor& timesteps,
                                       const at::Tensor& context, const at::Tensor& class_labels,
                                       ControlResiduals&& residuals) {
  for (int64_t i = 2; i < x.dim(); ++i) {
    if (x.size(i) % config_.Downscale() != 0) {
      throw std::invalid_argument("a side of " + std::to_string(x.size(i)) +
                                  " is not a multiple of " + std::to_string(config_.Downscale()) +
                                  ", which " + std::to_string(config_.num_channels.size()) +
                                  " levels need");
    }
  }
  const at::Tensor time = Time(timesteps, class_labels);
  std::vector<at::Tensor> skips;
  at::Tensor h = Encode(Stem(x), time, context, skips);
  if (!residuals.down.empty()) {
    if (residuals.down.size() != skips.size()) {
      throw std::invalid_argument(std::to_string(residuals.down.size()) +
                                  " control residuals for " + std::to_string(skips.size()) +
                                  " skip connections");
    }
    for (size_t i = 0; i < skips.size(); ++i) skips[i] = residuals.down[i].add_(skips[i]);
  }
  if (residuals.mid.defined()) h = h.add_(residuals.mid);
  for (const auto& block : up_blocks_) h = block->Forward(h, time, context, skips);
  return out_conv_->Forward(out_norm_->Forward(h, Activation::kSilu));
}

}  // namespace alignflow
