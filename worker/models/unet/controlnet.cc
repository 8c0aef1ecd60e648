#include "worker/models/unet/controlnet.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/nn/modules/container/modulelist.h>

#include <stdexcept>
#include <string>

namespace alignflow {
namespace {

std::string Sides(const at::Tensor& x) {
  std::string text;
  for (int64_t i = 2; i < x.dim(); ++i) text += (i > 2 ? "x" : "") + std::to_string(x.size(i));
  return text;
}

}  // namespace

ConditioningEmbedding::ConditioningEmbedding(const UNetConfig& config) {
  const std::vector<int64_t>& channels = config.conditioning_embedding_num_channels;
  const auto add = [&](int64_t in, int64_t out, int64_t stride, bool zero = false) {
    convolutions_.push_back(
        std::make_shared<Convolution>(ConvolutionOptions{.spatial_dims = config.spatial_dims,
                                                         .in_channels = in,
                                                         .out_channels = out,
                                                         .stride = stride,
                                                         .zero = zero}));
    return convolutions_.back();
  };
  register_module("conv_in", add(config.conditioning_embedding_in_channels, channels[0], 1));
  torch::nn::ModuleList list;
  for (size_t i = 0; i + 1 < channels.size(); ++i) {
    list->push_back(add(channels[i], channels[i], 1));
    list->push_back(add(channels[i], channels[i + 1], 2));
  }
  register_module("blocks", list);
  register_module("conv_out", add(channels.back(), config.num_channels[0], 1, /*zero=*/true));
}

at::Tensor ConditioningEmbedding::Forward(const at::Tensor& condition) {
  at::Tensor h = condition;
  for (size_t i = 0; i + 1 < convolutions_.size(); ++i) {
    h = at::silu(convolutions_[i]->Forward(h));
  }
  return convolutions_.back()->Forward(h);
}

ControlNet::ControlNet(const UNetConfig& config)
    // The reference's ControlNet takes no dropout.
    : UNetEncoder(config, /*dropout=*/0.0),
      embedding_(register_module("controlnet_cond_embedding",
                                 std::make_shared<ConditioningEmbedding>(config))) {
  const auto projection = [&](int64_t channels, bool nested) {
    return std::make_shared<Convolution>(ConvolutionOptions{.spatial_dims = config.spatial_dims,
                                                            .in_channels = channels,
                                                            .out_channels = channels,
                                                            .kernel = 1,
                                                            .zero = true,
                                                            .nested = nested});
  };
  // The reference keeps the first projection bare and wraps the others, and checkpoints have it so.
  down_.push_back(projection(config.num_channels[0], /*nested=*/false));
  for (size_t level = 0; level < config.num_channels.size(); ++level) {
    const bool last = level + 1 == config.num_channels.size();
    const int64_t count = config.num_res_blocks[level] + (last ? 0 : 1);
    for (int64_t i = 0; i < count; ++i) {
      down_.push_back(projection(config.num_channels[level], /*nested=*/true));
    }
  }
  torch::nn::ModuleList list;
  for (const auto& module : down_) list->push_back(module);
  register_module("controlnet_down_blocks", list);
  mid_ = register_module("controlnet_mid_block", projection(config.num_channels.back(), true));
}

at::Tensor ControlNet::Embed(const at::Tensor& condition, at::ScalarType type) {
  const at::Tensor input = condition.contiguous(ChannelsLast(config_.spatial_dims));
  if (!frozen_ || at::GradMode::is_enabled()) return embedding_->Forward(input);
  const bool known = last_condition_.defined() && last_condition_.device() == input.device() &&
                     last_condition_.scalar_type() == input.scalar_type() &&
                     last_embedded_.scalar_type() == type && at::equal(last_condition_, input);
  if (!known) {
    last_embedded_ = embedding_->Forward(input);
    last_condition_ = input.clone();
  }
  return last_embedded_;
}

ControlResiduals ControlNet::Forward(const at::Tensor& x, const at::Tensor& timesteps,
                                     const at::Tensor& condition, const at::Tensor& context,
                                     const at::Tensor& class_labels, double scale) {
  if (condition.dim() != x.dim() || condition.size(0) != x.size(0) ||
      condition.size(1) != config_.conditioning_embedding_in_channels) {
    throw std::invalid_argument("the ControlNet expects a condition of " +
                                std::to_string(config_.conditioning_embedding_in_channels) +
                                " channels for each sample");
  }
  const at::Tensor time = Time(timesteps, class_labels);
  at::Tensor h = Stem(x);
  const at::Tensor embedded = Embed(condition, h.scalar_type());
  if (embedded.sizes() != h.sizes()) {
    throw std::invalid_argument("a condition of " + Sides(condition) + " is embedded to " +
                                Sides(embedded) + ", the input has " + Sides(x));
  }
  std::vector<at::Tensor> skips;
  ControlResiduals residuals;
  h = Encode(h.add_(embedded), time, context, skips);
  for (size_t i = 0; i < skips.size(); ++i) {
    residuals.down.push_back(down_[i]->Forward(skips[i]));
  }
  residuals.mid = mid_->Forward(h);
  if (scale != 1.0) {
    for (at::Tensor& residual : residuals.down) residual.mul_(scale);
    residuals.mid.mul_(scale);
  }
  return residuals;
}

}  // namespace alignflow
