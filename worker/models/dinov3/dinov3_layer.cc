#include "worker/models/dinov3/dinov3_layer.h"

#include <ATen/ATen.h>

#include <cmath>
#include <vector>

namespace alignflow {
namespace {

// x: [B,L,2,H,d], queries and keys. Turns the last tokens, the patches, and leaves the others.
at::Tensor Rotate(const at::Tensor& x, const RotaryPositions& positions) {
  const int64_t patches = positions.cos.size(0), others = x.size(1) - patches;
  const at::Tensor turned = x.narrow(1, others, patches);
  const std::vector<at::Tensor> halves = turned.chunk(2, -1);
  const at::Tensor quarter_turn = at::cat({-halves[1], halves[0]}, -1);
  return at::cat({x.narrow(1, 0, others), at::addcmul(turned * positions.cos.unsqueeze(1),
                                                      quarter_turn, positions.sin.unsqueeze(1))},
                 1);
}

}  // namespace

RotaryPositions DinoV3Positions(const DinoV3Config& config, int64_t rows, int64_t columns,
                                const at::Tensor& like) {
  const auto options = like.options().dtype(at::kFloat);
  const auto centres = [&options](int64_t count) {
    return (at::arange(count, options) + 0.5) * (2.0 / static_cast<double>(count)) - 1;
  };
  const double head_width =
      static_cast<double>(config.hidden_size) / static_cast<double>(config.num_attention_heads);
  const at::Tensor periods =
      at::pow(config.rope_theta, at::arange(0, 1, 4 / head_width, options));  // [d/4]
  // [rows,columns,2]: y, x.
  const at::Tensor coordinates =
      at::stack(at::meshgrid({centres(rows), centres(columns)}, "ij"), -1);
  const at::Tensor angles = (2 * M_PI * coordinates.unsqueeze(-1) / periods)
                                .flatten(2)
                                .flatten(0, 1)
                                .repeat({1, 2})
                                .unsqueeze(1);
  return {angles.cos().to(like.scalar_type()), angles.sin().to(like.scalar_type())};
}

DinoV3Layer::DinoV3Layer(const DinoV3Config& config, const at::TensorOptions& options)
    : heads_(config.num_attention_heads), silu_(config.silu) {
  const int64_t width = config.hidden_size;
  const auto norm = [&] {
    return std::make_shared<hf::LayerNorm>(width, config.layer_norm_eps, options);
  };
  const auto scale = [&](const char* name) {
    return register_module(name, std::make_shared<torch::nn::Module>())
        ->register_parameter("lambda1", at::empty({width}, options));
  };
  norm1_ = register_module("norm1", norm());
  auto attention = register_module("attention", std::make_shared<torch::nn::Module>());
  qkv_ =
      std::make_unique<FusedLinear>(*attention,
                                    std::vector<FusedLinear::Part>{{"q_proj", config.query_bias},
                                                                   {"k_proj", config.key_bias},
                                                                   {"v_proj", config.value_bias}},
                                    width, width, options);
  o_proj_ = attention->register_module(
      "o_proj", std::make_shared<hf::Linear>(width, width, config.proj_bias, options));
  scale1_ = scale("layer_scale1");
  norm2_ = register_module("norm2", norm());
  auto mlp = register_module("mlp", std::make_shared<torch::nn::Module>());
  const auto widen = [&](const char* name) {
    return mlp->register_module(name, std::make_shared<hf::Linear>(width, config.intermediate_size,
                                                                   config.mlp_bias, options));
  };
  if (config.use_gated_mlp) gate_proj_ = widen("gate_proj");
  up_proj_ = widen("up_proj");
  down_proj_ = mlp->register_module(
      "down_proj",
      std::make_shared<hf::Linear>(config.intermediate_size, width, config.mlp_bias, options));
  scale2_ = scale("layer_scale2");
}

at::Tensor DinoV3Layer::Forward(const at::Tensor& x, const RotaryPositions& positions) const {
  const at::Tensor h = at::addcmul(x, Attention(norm1_->Forward(x), positions), scale1_);
  return at::addcmul(h, Mlp(norm2_->Forward(h)), scale2_);
}

at::Tensor DinoV3Layer::Attention(const at::Tensor& x, const RotaryPositions& positions) const {
  const at::Tensor qkv = qkv_->Forward(x).unflatten(2, {3, heads_, -1});  // [B,L,3,H,d]
  const at::Tensor turned = Rotate(qkv.narrow(2, 0, 2), positions);
  const at::Tensor out = at::scaled_dot_product_attention(turned.select(2, 0).transpose(1, 2),
                                                          turned.select(2, 1).transpose(1, 2),
                                                          qkv.select(2, 2).transpose(1, 2));
  return o_proj_->Forward(out.transpose(1, 2).flatten(2));
}

at::Tensor DinoV3Layer::Mlp(const at::Tensor& x) const {
  const at::Tensor up = up_proj_->Forward(x);
  return down_proj_->Forward(gate_proj_ ? Activation(gate_proj_->Forward(x)) * up : Activation(up));
}

at::Tensor DinoV3Layer::Activation(const at::Tensor& x) const {
  return silu_ ? at::silu(x) : at::gelu(x);
}

}  // namespace alignflow
