#include "worker/models/sd35/t5_encoder.h"

#include <torch/nn/modules/container/modulelist.h>

#include <cmath>
#include <stdexcept>
#include <string>

#include "worker/models/hf/load_model.h"

namespace alignflow {

T5Config ParseT5Config(HfConfig& config) {
  T5Config out;
  const auto positive = [&config](const char* name, int64_t otherwise) {
    const int64_t value = config.Int(name, otherwise);
    if (value < 1) config.Refuse(name, "must be at least 1");
    return value;
  };
  config.Require("model_type", "t5");
  out.vocab_size = positive("vocab_size", out.vocab_size);
  out.d_model = positive("d_model", out.d_model);
  out.d_kv = positive("d_kv", out.d_kv);
  out.d_ff = positive("d_ff", out.d_ff);
  out.num_layers = positive("num_layers", out.num_layers);
  out.num_heads = positive("num_heads", out.num_heads);
  out.relative_attention_num_buckets =
      positive("relative_attention_num_buckets", out.relative_attention_num_buckets);
  out.relative_attention_max_distance =
      positive("relative_attention_max_distance", out.relative_attention_max_distance);
  if (out.relative_attention_num_buckets % 4 != 0 ||
      out.relative_attention_max_distance <= out.relative_attention_num_buckets / 4) {
    config.Refuse("relative_attention_num_buckets",
                  "must be a multiple of 4 and less than 4 relative_attention_max_distance");
  }
  out.layer_norm_epsilon = config.Double("layer_norm_epsilon", out.layer_norm_epsilon);
  out.gated_gelu = config.OneOf("feed_forward_proj", {"relu", "gated-gelu"}) == "gated-gelu";
  // What feed_forward_proj says already, in the words of some releases.
  config.Require("dense_act_fn", out.gated_gelu ? "gelu_new" : "relu");
  config.Require("is_gated_act", out.gated_gelu);
  config.Require("is_decoder", false);
  // The decoder's, and a length that nothing is limited to.
  config.WithoutEffect({"is_encoder_decoder", "num_decoder_layers", "output_past", "n_positions",
                        "scale_decoder_outputs"});
  config.Finish(HfFile::kModel);
  return out;
}

// Attention, then feed-forward, each on the RMS-normalized stream and added to it.
class T5Layer : public torch::nn::Module {
 public:
  T5Layer(const T5Config& config, const at::TensorOptions& options)
      : heads_(config.num_heads), gated_(config.gated_gelu) {
    const auto linear = [&options](int64_t in, int64_t out) {
      return std::make_shared<hf::Linear>(in, out, /*bias=*/false, options);
    };
    const int64_t inner = config.num_heads * config.d_kv;
    const auto attention_part = std::make_shared<torch::nn::Module>();
    self_attention_ =
        attention_part->register_module("SelfAttention", std::make_shared<torch::nn::Module>());
    q_ = self_attention_->register_module("q", linear(config.d_model, inner));
    k_ = self_attention_->register_module("k", linear(config.d_model, inner));
    v_ = self_attention_->register_module("v", linear(config.d_model, inner));
    o_ = self_attention_->register_module("o", linear(inner, config.d_model));
    const auto norm = [&] {
      return std::make_shared<hf::RmsNorm>(config.d_model, config.layer_norm_epsilon, options);
    };
    norm1_ = attention_part->register_module("layer_norm", norm());
    const auto dense_part = std::make_shared<torch::nn::Module>();
    auto dense =
        dense_part->register_module("DenseReluDense", std::make_shared<torch::nn::Module>());
    wi_ = dense->register_module(gated_ ? "wi_0" : "wi", linear(config.d_model, config.d_ff));
    if (gated_) wi_1_ = dense->register_module("wi_1", linear(config.d_model, config.d_ff));
    wo_ = dense->register_module("wo", linear(config.d_ff, config.d_model));
    norm2_ = dense_part->register_module("layer_norm", norm());
    torch::nn::ModuleList list;
    list->push_back(attention_part);
    list->push_back(dense_part);
    register_module("layer", list);
  }

  // x: [B,L,d_model]; bias: [1,heads,L,L], added to the scores, which are not scaled by the heads'
  // width.
  at::Tensor Forward(const at::Tensor& input, const at::Tensor& bias) const {
    const auto split = [this](const at::Tensor& x) {
      return x.unflatten(2, {heads_, x.size(2) / heads_}).transpose(1, 2);
    };
    at::Tensor h = norm1_->Forward(input);
    h = at::scaled_dot_product_attention(split(q_->Forward(h)), split(k_->Forward(h)),
                                         split(v_->Forward(h)), bias, 0.0, /*is_causal=*/false,
                                         /*scale=*/1.0);
    const at::Tensor x = input + o_->Forward(h.transpose(1, 2).flatten(2));
    h = norm2_->Forward(x);
    h = gated_ ? at::gelu(wi_->Forward(h), "tanh") * wi_1_->Forward(h) : at::relu(wi_->Forward(h));
    return x + wo_->Forward(h);
  }

  torch::nn::Module& self_attention() { return *self_attention_; }

 private:
  int64_t heads_;
  bool gated_;
  std::shared_ptr<torch::nn::Module> self_attention_;
  std::shared_ptr<hf::Linear> q_, k_, v_, o_, wi_, wi_1_, wo_;
  std::shared_ptr<hf::RmsNorm> norm1_, norm2_;
};

T5Encoder::T5Encoder(const T5Config& config, const at::TensorOptions& options) : config_(config) {
  shared_ = register_module(
      "shared", std::make_shared<hf::Embedding>(config.vocab_size, config.d_model, options));
  auto encoder = register_module("encoder", std::make_shared<torch::nn::Module>());
  torch::nn::ModuleList list;
  for (int64_t i = 0; i < config.num_layers; ++i) {
    layers_.push_back(std::make_shared<T5Layer>(config, options));
    list->push_back(layers_.back());
  }
  encoder->register_module("block", list);
  relative_attention_bias_ = layers_.front()->self_attention().register_module(
      "relative_attention_bias",
      std::make_shared<hf::Embedding>(config.relative_attention_num_buckets, config.num_heads,
                                      options));
  final_layer_norm_ = encoder->register_module(
      "final_layer_norm",
      std::make_shared<hf::RmsNorm>(config.d_model, config.layer_norm_epsilon, options));
}

std::shared_ptr<T5Encoder> T5Encoder::Load(const std::filesystem::path& folder,
                                           const at::TensorOptions& options) {
  return LoadModel<T5Encoder>(folder, ParseT5Config, options,
                              {.same = {{"encoder.embed_tokens.weight", "shared.weight"}}});
}

at::Tensor T5RelativeBuckets(int64_t length, int64_t buckets, int64_t max_distance) {
  const int64_t half = buckets / 2;
  const int64_t exact = half / 2;
  // In float32, as the reference: another precision may put a distance into the next bucket.
  const at::Tensor positions = at::arange(length, at::kLong);
  const at::Tensor offset = positions.unsqueeze(0) - positions.unsqueeze(1);
  const at::Tensor distance = offset.abs();
  const at::Tensor growth =
      at::log(distance.clamp_min(exact).to(at::kFloat) / static_cast<double>(exact)) /
      std::log(static_cast<double>(max_distance) / static_cast<double>(exact)) *
      static_cast<double>(half - exact);
  const at::Tensor far = (exact + growth.to(at::kLong)).clamp_max(half - 1);
  return (offset > 0).to(at::kLong) * half + at::where(distance < exact, distance, far);
}

at::Tensor T5Encoder::Forward(const at::Tensor& input_ids) const {
  if (input_ids.dim() != 2 || input_ids.scalar_type() != at::kLong || input_ids.size(1) < 1) {
    throw std::invalid_argument("input_ids must be int64 [B,L]");
  }
  const at::Tensor buckets =
      T5RelativeBuckets(input_ids.size(1), config_.relative_attention_num_buckets,
                        config_.relative_attention_max_distance)
          .to(input_ids.device());
  const at::Tensor bias =
      at::embedding(relative_attention_bias_->weight(), buckets).permute({2, 0, 1}).unsqueeze(0);
  at::Tensor h = shared_->Forward(input_ids);
  for (const auto& layer : layers_) h = layer->Forward(h, bias);
  return final_layer_norm_->Forward(h);
}

}  // namespace alignflow
