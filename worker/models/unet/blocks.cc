#include "worker/models/unet/blocks.h"

#include <ATen/ATen.h>
#include <torch/nn/modules/container/modulelist.h>

#include <algorithm>

namespace alignflow {
namespace {

int64_t TimeChannels(const UNetConfig& config) { return 4 * config.num_channels[0]; }

std::shared_ptr<SpatialAttention> MakeAttention(const UNetConfig& config, size_t level,
                                                double dropout) {
  const int64_t channels = config.num_channels[level];
  const int64_t head_channels = config.num_head_channels[level];
  if (config.with_conditioning) {
    return std::make_shared<SpatialTransformer>(config, channels, head_channels, dropout);
  }
  return std::make_shared<AttentionBlock>(config, channels, head_channels);
}

template <typename T>
torch::nn::ModuleList ListOf(const std::vector<std::shared_ptr<T>>& modules) {
  torch::nn::ModuleList list;
  for (const auto& module : modules) list->push_back(module);
  return list;
}

}  // namespace

DownBlock::DownBlock(const UNetConfig& config, size_t level, double dropout) {
  const int64_t out = config.num_channels[level];
  int64_t in = config.num_channels[level == 0 ? 0 : level - 1];
  for (int64_t i = 0; i < config.num_res_blocks[level]; ++i, in = out) {
    resnets_.push_back(std::make_shared<ResnetBlock>(config, in, out, TimeChannels(config)));
    if (config.attention_levels[level]) {
      attentions_.push_back(MakeAttention(config, level, dropout));
    }
  }
  register_module("resnets", ListOf(resnets_));
  if (!attentions_.empty()) register_module("attentions", ListOf(attentions_));
  if (level + 1 == config.num_channels.size()) return;
  if (config.resblock_updown) {
    downsampler_ =
        std::make_shared<ResnetBlock>(config, out, out, TimeChannels(config), Resize::kDown);
  } else {
    downsampler_ = std::make_shared<Downsample>(config.spatial_dims, out);
  }
  register_module("downsampler", downsampler_);
}

at::Tensor DownBlock::Forward(at::Tensor x, const at::Tensor& time, const at::Tensor& context,
                              std::vector<at::Tensor>& skips) {
  for (size_t i = 0; i < resnets_.size(); ++i) {
    x = resnets_[i]->Forward(x, time);
    if (!attentions_.empty()) x = attentions_[i]->Forward(x, context);
    skips.push_back(x);
  }
  if (downsampler_) {
    x = downsampler_->Forward(x, time);
    skips.push_back(x);
  }
  return x;
}

MidBlock::MidBlock(const UNetConfig& config, double dropout) {
  const int64_t channels = config.num_channels.back();
  resnet_1_ = register_module(
      "resnet_1", std::make_shared<ResnetBlock>(config, channels, channels, TimeChannels(config)));
  attention_ =
      register_module("attention", MakeAttention(config, config.num_channels.size() - 1, dropout));
  resnet_2_ = register_module(
      "resnet_2", std::make_shared<ResnetBlock>(config, channels, channels, TimeChannels(config)));
}

at::Tensor MidBlock::Forward(const at::Tensor& x, const at::Tensor& time,
                             const at::Tensor& context) {
  return resnet_2_->Forward(attention_->Forward(resnet_1_->Forward(x, time), context), time);
}

UpBlock::UpBlock(const UNetConfig& config, size_t level, double dropout) {
  const std::vector<int64_t>& channels = config.num_channels;
  const int64_t out = channels[level];
  const int64_t below = channels[std::min(level + 1, channels.size() - 1)];
  const int64_t last_skip = channels[level == 0 ? 0 : level - 1];
  // One more than on the way down: the extra one takes the skip from before the level.
  const int64_t count = config.num_res_blocks[level] + 1;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t in = (i == 0 ? below : out) + (i + 1 == count ? last_skip : out);
    resnets_.push_back(std::make_shared<ResnetBlock>(config, in, out, TimeChannels(config)));
    if (config.attention_levels[level]) {
      attentions_.push_back(MakeAttention(config, level, dropout));
    }
  }
  register_module("resnets", ListOf(resnets_));
  if (!attentions_.empty()) register_module("attentions", ListOf(attentions_));
  if (level == 0) return;
  if (config.resblock_updown) {
    upsampler_ = std::make_shared<ResnetBlock>(config, out, out, TimeChannels(config), Resize::kUp);
  } else {
    upsampler_ = std::make_shared<Upsample>(config.spatial_dims, out);
  }
  register_module("upsampler", upsampler_);
}

at::Tensor UpBlock::Forward(at::Tensor x, const at::Tensor& time, const at::Tensor& context,
                            std::vector<at::Tensor>& skips) {
  for (size_t i = 0; i < resnets_.size(); ++i) {
    x = at::cat({x, skips.back()}, 1);
    skips.pop_back();
    x = resnets_[i]->Forward(x, time);
    if (!attentions_.empty()) x = attentions_[i]->Forward(x, context);
  }
  return upsampler_ ? upsampler_->Forward(x, time) : x;
}

}  // namespace alignflow
