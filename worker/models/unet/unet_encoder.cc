#include "worker/models/unet/unet_encoder.h"

#include <ATen/ATen.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/container/sequential.h>

#include <cmath>
#include <stdexcept>
#include <string>

namespace alignflow {

at::Tensor TimestepEmbedding(const at::Tensor& timesteps, int64_t width) {
  const int64_t half = width / 2;
  const at::TensorOptions options = timesteps.options().dtype(at::kFloat);
  const at::Tensor frequencies = at::exp(at::arange(half, options) * -std::log(10000.0) / half);
  const at::Tensor angles = timesteps.to(at::kFloat).unsqueeze(1) * frequencies.unsqueeze(0);
  const at::Tensor embedding = at::cat({angles.cos(), angles.sin()}, 1);
  return width % 2 == 0 ? embedding : at::constant_pad_nd(embedding, {0, 1});
}

UNetEncoder::UNetEncoder(const UNetConfig& config, double dropout) : config_(config) {
  config_.Validate();
  const int64_t width = config.num_channels[0];
  conv_in_ = register_module("conv_in", std::make_shared<Convolution>(
                                            ConvolutionOptions{.spatial_dims = config.spatial_dims,
                                                               .in_channels = config.in_channels,
                                                               .out_channels = width}));
  time_in_ = torch::nn::Linear(width, 4 * width);
  time_out_ = torch::nn::Linear(4 * width, 4 * width);
  register_module("time_embed", torch::nn::Sequential(time_in_, torch::nn::SiLU(), time_out_));
  if (config.num_class_embeds) {
    class_embedding_ = register_module("class_embedding",
                                       torch::nn::Embedding(*config.num_class_embeds, 4 * width));
  }
  torch::nn::ModuleList list;
  for (size_t level = 0; level < config.num_channels.size(); ++level) {
    down_blocks_.push_back(std::make_shared<DownBlock>(config, level, dropout));
    list->push_back(down_blocks_.back());
  }
  register_module("down_blocks", list);
  middle_block_ = register_module("middle_block", std::make_shared<MidBlock>(config, dropout));
}

at::Tensor UNetEncoder::Time(const at::Tensor& timesteps, const at::Tensor& class_labels) {
  at::Tensor embedding = TimestepEmbedding(timesteps, config_.num_channels[0]);
  embedding = time_out_->forward(at::silu(time_in_->forward(embedding)));
  if (class_labels.defined() != !class_embedding_.is_empty()) {
    throw std::invalid_argument(class_labels.defined()
                                    ? "class labels given to a net without num_class_embeds"
                                    : "this net needs class labels (num_class_embeds is set)");
  }
  if (!class_embedding_.is_empty()) {
    embedding = embedding + class_embedding_->forward(class_labels);
  }
  return at::silu(embedding);
}

at::Tensor UNetEncoder::Stem(const at::Tensor& x) {
  if (x.dim() != config_.spatial_dims + 2 || x.size(1) != config_.in_channels) {
    throw std::invalid_argument("the net expects " + std::to_string(config_.spatial_dims) +
                                "-D maps of " + std::to_string(config_.in_channels) + " channels");
  }
  return conv_in_->Forward(x.contiguous(ChannelsLast(config_.spatial_dims)));
}

at::Tensor UNetEncoder::Encode(at::Tensor h, const at::Tensor& time, const at::Tensor& context,
                               std::vector<at::Tensor>& skips) {
  if (context.defined() && !config_.with_conditioning) {
    throw std::invalid_argument("a context given to a net without with_conditioning");
  }
  skips.push_back(h);
  for (const auto& block : down_blocks_) h = block->Forward(h, time, context, skips);
  return middle_block_->Forward(h, time, context);
}

}  // namespace alignflow
