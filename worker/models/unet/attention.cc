#include "worker/models/unet/attention.h"

#include <ATen/ATen.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/dropout.h>

#include <stdexcept>
#include <string>

namespace alignflow {
namespace {

using torch::nn::Linear;

Linear MakeLinear(int64_t in, int64_t out, bool bias = true) {
  return Linear(torch::nn::LinearOptions(in, out).bias(bias));
}

// q: [N,Lq,C], k, v: [N,L,C] with C = heads d. Returns [N,Lq,C].
at::Tensor MultiHeadAttention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                              int64_t heads) {
  const auto split = [heads](const at::Tensor& x) {
    return x.unflatten(2, {heads, x.size(2) / heads}).transpose(1, 2);
  };
  return at::scaled_dot_product_attention(split(q), split(k), split(v)).transpose(1, 2).flatten(2);
}

// [N,C,...] to [N,positions,C] and back; with channels-last memory both are views.
at::Tensor ToSequence(const at::Tensor& x) { return x.flatten(2).transpose(1, 2); }
at::Tensor FromSequence(const at::Tensor& sequence, at::IntArrayRef sizes) {
  std::vector<int64_t> shape = sizes.vec();
  shape[1] = sequence.size(2);
  return sequence.transpose(1, 2).reshape(shape);
}

class CrossAttention : public torch::nn::Module {
 public:
  CrossAttention(int64_t channels, int64_t context_channels, int64_t heads, double dropout)
      : heads_(heads) {
    to_q_ = register_module("to_q", MakeLinear(channels, channels, false));
    to_k_ = register_module("to_k", MakeLinear(context_channels, channels, false));
    to_v_ = register_module("to_v", MakeLinear(context_channels, channels, false));
    to_out_ = register_module("to_out", torch::nn::Sequential(MakeLinear(channels, channels),
                                                              torch::nn::Dropout(dropout)));
  }

  at::Tensor Forward(const at::Tensor& x, const at::Tensor& context) {
    if (context.size(-1) != to_k_->options.in_features()) {
      throw std::invalid_argument("the context's width is " + std::to_string(context.size(-1)) +
                                  ", cross_attention_dim is " +
                                  std::to_string(to_k_->options.in_features()));
    }
    return to_out_->forward(MultiHeadAttention(to_q_->forward(x), to_k_->forward(context),
                                               to_v_->forward(context), heads_));
  }

 private:
  int64_t heads_;
  Linear to_q_ = nullptr, to_k_ = nullptr, to_v_ = nullptr;
  torch::nn::Sequential to_out_ = nullptr;
};

// x * GELU(gate) between two linear layers.
class FeedForward : public torch::nn::Module {
 public:
  FeedForward(int64_t channels, double dropout) : dropout_(dropout) {
    linear1_ = register_module("linear1", MakeLinear(channels, 8 * channels));
    linear2_ = register_module("linear2", MakeLinear(4 * channels, channels));
  }
  at::Tensor Forward(const at::Tensor& x) {
    const std::vector<at::Tensor> halves = linear1_->forward(x).chunk(2, -1);
    const at::Tensor hidden = at::dropout(halves[0] * at::gelu(halves[1]), dropout_, is_training());
    return at::dropout(linear2_->forward(hidden), dropout_, is_training());
  }

 private:
  double dropout_;
  Linear linear1_ = nullptr, linear2_ = nullptr;
};

torch::nn::LayerNorm MakeLayerNorm(int64_t channels) {
  return torch::nn::LayerNorm(torch::nn::LayerNormOptions({channels}));
}

}  // namespace

class TransformerBlock : public torch::nn::Module {
 public:
  TransformerBlock(int64_t channels, int64_t context_channels, int64_t heads, double dropout)
      : attn1_(register_module(
            "attn1", std::make_shared<CrossAttention>(channels, channels, heads, dropout))),
        attn2_(register_module(
            "attn2", std::make_shared<CrossAttention>(channels, context_channels, heads, dropout))),
        ff_(register_module("ff", std::make_shared<FeedForward>(channels, dropout))),
        norm1_(register_module("norm1", MakeLayerNorm(channels))),
        norm2_(register_module("norm2", MakeLayerNorm(channels))),
        norm3_(register_module("norm3", MakeLayerNorm(channels))) {}

  at::Tensor Forward(at::Tensor x, const at::Tensor& context) {
    at::Tensor h = norm1_->forward(x);
    x = x + attn1_->Forward(h, h);
    h = norm2_->forward(x);
    x = x + attn2_->Forward(h, context.defined() ? context : h);
    return x + ff_->Forward(norm3_->forward(x));
  }

 private:
  std::shared_ptr<CrossAttention> attn1_, attn2_;
  std::shared_ptr<FeedForward> ff_;
  torch::nn::LayerNorm norm1_, norm2_, norm3_;
};

AttentionBlock::AttentionBlock(const UNetConfig& config, int64_t channels, int64_t head_channels)
    : heads_(channels / head_channels), project_(config.attention_projection) {
  norm_ = register_module(
      "norm", std::make_shared<GroupNorm>(config.norm_num_groups, channels, config.norm_eps));
  to_q_ = register_module("to_q", MakeLinear(channels, channels));
  to_k_ = register_module("to_k", MakeLinear(channels, channels));
  to_v_ = register_module("to_v", MakeLinear(channels, channels));
  proj_attn_ = register_module("proj_attn", MakeLinear(channels, channels));
}

at::Tensor AttentionBlock::Forward(const at::Tensor& x, const at::Tensor& /*context*/) {
  const at::Tensor h = ToSequence(norm_->Forward(x, Activation::kNone));
  at::Tensor out =
      MultiHeadAttention(to_q_->forward(h), to_k_->forward(h), to_v_->forward(h), heads_);
  if (project_) out = proj_attn_->forward(out);
  return x + FromSequence(out, x.sizes());
}

SpatialTransformer::SpatialTransformer(const UNetConfig& config, int64_t channels,
                                       int64_t head_channels, double dropout) {
  ConvolutionOptions options{.spatial_dims = config.spatial_dims,
                             .in_channels = channels,
                             .out_channels = channels,
                             .kernel = 1};
  norm_ = register_module(
      "norm", std::make_shared<GroupNorm>(config.norm_num_groups, channels, config.norm_eps));
  proj_in_ = register_module("proj_in", std::make_shared<Convolution>(options));
  torch::nn::ModuleList list;
  for (int64_t i = 0; i < config.transformer_num_layers; ++i) {
    blocks_.push_back(std::make_shared<TransformerBlock>(channels, *config.cross_attention_dim,
                                                         channels / head_channels, dropout));
    list->push_back(blocks_.back());
  }
  register_module("transformer_blocks", list);
  options.zero = true;
  proj_out_ = register_module("proj_out", std::make_shared<Convolution>(options));
}

at::Tensor SpatialTransformer::Forward(const at::Tensor& x, const at::Tensor& context) {
  at::Tensor h = ToSequence(proj_in_->Forward(norm_->Forward(x, Activation::kNone)));
  for (const auto& block : blocks_) h = block->Forward(h, context);
  return proj_out_->Forward(FromSequence(h, x.sizes())).add_(x);
}

}  // namespace alignflow
