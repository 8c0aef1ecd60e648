#include "worker/models/sd35/clip_text.h"

#include <torch/nn/modules/container/modulelist.h>

#include <stdexcept>

#include "worker/models/hf/load_model.h"

namespace alignflow {

ClipTextConfig ParseClipTextConfig(HfConfig& config) {
  ClipTextConfig out;
  const auto positive = [&config](const char* name, int64_t otherwise) {
    const int64_t value = config.Int(name, otherwise);
    if (value < 1) config.Refuse(name, "must be at least 1");
    return value;
  };
  config.Require("model_type", "clip_text_model");
  out.vocab_size = positive("vocab_size", out.vocab_size);
  out.hidden_size = positive("hidden_size", out.hidden_size);
  out.intermediate_size = positive("intermediate_size", out.intermediate_size);
  out.projection_dim = positive("projection_dim", out.projection_dim);
  out.num_hidden_layers = positive("num_hidden_layers", out.num_hidden_layers);
  out.num_attention_heads = positive("num_attention_heads", out.num_attention_heads);
  if (out.hidden_size % out.num_attention_heads != 0) {
    config.Refuse("num_attention_heads", "must divide hidden_size");
  }
  out.max_position_embeddings = positive("max_position_embeddings", out.max_position_embeddings);
  out.hidden_act = config.OneOf("hidden_act", {"quick_gelu", "gelu"});
  out.layer_norm_eps = config.Double("layer_norm_eps", out.layer_norm_eps);
  out.eos_token_id = config.Int("eos_token_id", out.eos_token_id);
  config.Finish(HfFile::kModel);
  return out;
}

// Pre-norm transformer layer with causal attention.
class ClipTextLayer : public torch::nn::Module {
 public:
  ClipTextLayer(const ClipTextConfig& config, const at::TensorOptions& options)
      : heads_(config.num_attention_heads), quick_(config.hidden_act == "quick_gelu") {
    const int64_t width = config.hidden_size;
    const auto linear = [&options](int64_t in, int64_t out) {
      return std::make_shared<hf::Linear>(in, out, /*bias=*/true, options);
    };
    const auto norm = [&] {
      return std::make_shared<hf::LayerNorm>(width, config.layer_norm_eps, options);
    };
    auto attention = register_module("self_attn", std::make_shared<torch::nn::Module>());
    q_ = attention->register_module("q_proj", linear(width, width));
    k_ = attention->register_module("k_proj", linear(width, width));
    v_ = attention->register_module("v_proj", linear(width, width));
    out_ = attention->register_module("out_proj", linear(width, width));
    auto mlp = register_module("mlp", std::make_shared<torch::nn::Module>());
    fc1_ = mlp->register_module("fc1", linear(width, config.intermediate_size));
    fc2_ = mlp->register_module("fc2", linear(config.intermediate_size, width));
    norm1_ = register_module("layer_norm1", norm());
    norm2_ = register_module("layer_norm2", norm());
  }

  at::Tensor Forward(const at::Tensor& input) const {  // [B,L,C]
    const auto split = [this](const at::Tensor& x) {
      return x.unflatten(2, {heads_, x.size(2) / heads_}).transpose(1, 2);
    };
    at::Tensor h = norm1_->Forward(input);
    h = at::scaled_dot_product_attention(split(q_->Forward(h)), split(k_->Forward(h)),
                                         split(v_->Forward(h)), {}, 0.0, /*is_causal=*/true);
    const at::Tensor x = input + out_->Forward(h.transpose(1, 2).flatten(2));
    h = fc1_->Forward(norm2_->Forward(x));
    h = quick_ ? h * at::sigmoid(1.702 * h) : at::gelu(h);
    return x + fc2_->Forward(h);
  }

 private:
  int64_t heads_;
  bool quick_;
  std::shared_ptr<hf::Linear> q_, k_, v_, out_, fc1_, fc2_;
  std::shared_ptr<hf::LayerNorm> norm1_, norm2_;
};

ClipTextModel::ClipTextModel(const ClipTextConfig& config, const at::TensorOptions& options)
    : config_(config) {
  const int64_t width = config.hidden_size;
  auto model = register_module("text_model", std::make_shared<torch::nn::Module>());
  auto embeddings = model->register_module("embeddings", std::make_shared<torch::nn::Module>());
  token_embedding_ = embeddings->register_module(
      "token_embedding", std::make_shared<hf::Embedding>(config.vocab_size, width, options));
  position_embedding_ = embeddings->register_module(
      "position_embedding",
      std::make_shared<hf::Embedding>(config.max_position_embeddings, width, options));
  auto encoder = model->register_module("encoder", std::make_shared<torch::nn::Module>());
  torch::nn::ModuleList list;
  for (int64_t i = 0; i < config.num_hidden_layers; ++i) {
    layers_.push_back(std::make_shared<ClipTextLayer>(config, options));
    list->push_back(layers_.back());
  }
  encoder->register_module("layers", list);
  final_layer_norm_ = model->register_module(
      "final_layer_norm", std::make_shared<hf::LayerNorm>(width, config.layer_norm_eps, options));
  text_projection_ = register_module(
      "text_projection",
      std::make_shared<hf::Linear>(width, config.projection_dim, /*bias=*/false, options));
}

std::shared_ptr<ClipTextModel> ClipTextModel::Load(const std::filesystem::path& folder,
                                                   const at::TensorOptions& options) {
  return LoadModel<ClipTextModel>(folder, ParseClipTextConfig, options,
                                  {.without_effect = {"text_model.embeddings.position_ids"}});
}

ClipTextModel::Output ClipTextModel::Forward(const at::Tensor& input_ids) const {
  if (input_ids.dim() != 2 || input_ids.scalar_type() != at::kLong || input_ids.size(1) < 1 ||
      input_ids.size(1) > config_.max_position_embeddings) {
    throw std::invalid_argument("input_ids must be int64 [B,L] with L in [1," +
                                std::to_string(config_.max_position_embeddings) + "]");
  }
  const at::Tensor positions = position_embedding_->weight().narrow(0, 0, input_ids.size(1));
  at::Tensor h = token_embedding_->Forward(input_ids) + positions;
  Output out;
  for (const auto& layer : layers_) {
    out.penultimate_hidden_state = h;
    h = layer->Forward(h);
  }
  h = final_layer_norm_->Forward(h);
  // Where the text ends. Early checkpoints give 2 for an id that was the vocabulary's last.
  const at::Tensor end = config_.eos_token_id == 2
                             ? input_ids.argmax(-1)
                             : (input_ids == config_.eos_token_id).to(at::kInt).argmax(-1);
  const at::Tensor index = end.view({-1, 1, 1}).expand({-1, 1, h.size(2)});
  out.text_embeds = text_projection_->Forward(h.gather(1, index).squeeze(1));
  return out;
}

}  // namespace alignflow
