#include "worker/models/sd35/autoencoder_blocks.h"

#include <ATen/ATen.h>
#include <torch/nn/modules/container/modulelist.h>

#include <string>

#include "worker/models/recompute.h"
#include "worker/models/unet/group_norm.h"

namespace alignflow {
namespace {

constexpr double kEpsilon = 1e-6;

// A list of modules registered as "0", "1", ... of a child called `name`.
template <typename T>
void RegisterList(torch::nn::Module& parent, const char* name,
                  const std::vector<std::shared_ptr<T>>& modules) {
  torch::nn::ModuleList list;
  for (const auto& module : modules) list->push_back(module);
  parent.register_module(name, list);
}

// block->Forward(x), computed once more in the backward pass.
template <typename Block>
at::Tensor Recomputed(const std::shared_ptr<Block>& block, const at::Tensor& x) {
  return Recompute([block](const at::Tensor& input) { return block->Forward(input); }, x);
}

}  // namespace

AutoencoderNorm::AutoencoderNorm(int64_t groups, int64_t channels, const at::TensorOptions& options)
    : groups_(groups) {
  weight_ = register_parameter("weight", at::empty({channels}, options));
  bias_ = register_parameter("bias", at::empty({channels}, options));
}

at::Tensor AutoencoderNorm::Forward(const at::Tensor& x, bool silu) const {
  return FusedGroupNorm(x, {}, weight_, bias_, groups_, kEpsilon,
                        silu ? Activation::kSilu : Activation::kNone);
}

AutoencoderResnet::AutoencoderResnet(int64_t groups, int64_t in, int64_t out,
                                     const at::TensorOptions& options) {
  norm1_ = register_module("norm1", std::make_shared<AutoencoderNorm>(groups, in, options));
  conv1_ = register_module("conv1", std::make_shared<hf::Conv2d>(in, out, 3, 1, 1, options));
  norm2_ = register_module("norm2", std::make_shared<AutoencoderNorm>(groups, out, options));
  conv2_ = register_module("conv2", std::make_shared<hf::Conv2d>(out, out, 3, 1, 1, options));
  if (in != out) {
    conv_shortcut_ =
        register_module("conv_shortcut", std::make_shared<hf::Conv2d>(in, out, 1, 1, 0, options));
  }
}

at::Tensor AutoencoderResnet::Forward(const at::Tensor& x) const {
  const at::Tensor h = conv1_->Forward(norm1_->Forward(x, /*silu=*/true));
  return conv2_->Forward(norm2_->Forward(h, /*silu=*/true)) +
         (conv_shortcut_ ? conv_shortcut_->Forward(x) : x);
}

AutoencoderAttention::AutoencoderAttention(int64_t groups, int64_t channels,
                                           const at::TensorOptions& options) {
  const auto linear = [&] {
    return std::make_shared<hf::Linear>(channels, channels, /*bias=*/true, options);
  };
  group_norm_ =
      register_module("group_norm", std::make_shared<AutoencoderNorm>(groups, channels, options));
  to_q_ = register_module("to_q", linear());
  to_k_ = register_module("to_k", linear());
  to_v_ = register_module("to_v", linear());
  to_out_ = linear();
  RegisterList<hf::Linear>(*this, "to_out", {to_out_});
}

at::Tensor AutoencoderAttention::Forward(const at::Tensor& x) const {
  // [B,1,HW,C]: the one head's positions.
  const at::Tensor h =
      group_norm_->Forward(x, /*silu=*/false).flatten(2).transpose(1, 2).unsqueeze(1);
  const at::Tensor out =
      at::scaled_dot_product_attention(to_q_->Forward(h), to_k_->Forward(h), to_v_->Forward(h));
  return x + to_out_->Forward(out).squeeze(1).transpose(1, 2).reshape_as(x);
}

AutoencoderMid::AutoencoderMid(const AutoencoderConfig& config, int64_t channels,
                               const at::TensorOptions& options) {
  for (int i = 0; i < 2; ++i) {
    resnets_.push_back(
        std::make_shared<AutoencoderResnet>(config.norm_num_groups, channels, channels, options));
  }
  RegisterList(*this, "resnets", resnets_);
  if (!config.mid_block_add_attention) return;
  attention_ = std::make_shared<AutoencoderAttention>(config.norm_num_groups, channels, options);
  RegisterList<AutoencoderAttention>(*this, "attentions", {attention_});
}

at::Tensor AutoencoderMid::Forward(const at::Tensor& x) const {
  at::Tensor h = Recomputed(resnets_[0], x);
  if (attention_) h = Recomputed(attention_, h);
  return Recomputed(resnets_[1], h);
}

AutoencoderLevel::AutoencoderLevel(int64_t groups, int64_t in, int64_t out, int64_t layers,
                                   AutoencoderResize resize, const at::TensorOptions& options)
    : resize_(resize) {
  for (int64_t i = 0; i < layers; ++i) {
    resnets_.push_back(
        std::make_shared<AutoencoderResnet>(groups, i == 0 ? in : out, out, options));
  }
  RegisterList(*this, "resnets", resnets_);
  if (resize == AutoencoderResize::kNone) return;
  const bool halve = resize == AutoencoderResize::kHalve;
  conv_ = std::make_shared<hf::Conv2d>(out, out, 3, halve ? 2 : 1, halve ? 0 : 1, options);
  const auto resampler = std::make_shared<torch::nn::Module>();
  resampler->register_module("conv", conv_);
  RegisterList<torch::nn::Module>(*this, halve ? "downsamplers" : "upsamplers", {resampler});
}

at::Tensor AutoencoderLevel::Forward(at::Tensor x) const {
  for (const auto& resnet : resnets_) x = Recomputed(resnet, x);
  if (resize_ == AutoencoderResize::kNone) return x;
  const auto resize = [conv = conv_,
                       halve = resize_ == AutoencoderResize::kHalve](const at::Tensor& h) {
    return conv->Forward(halve ? at::constant_pad_nd(h, {0, 1, 0, 1})
                               : at::upsample_nearest2d(h, {2 * h.size(2), 2 * h.size(3)}));
  };
  return Recompute(resize, x);
}

}  // namespace alignflow
