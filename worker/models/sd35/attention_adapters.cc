#include "worker/models/sd35/attention_adapters.h"

#include <ATen/core/grad_mode.h>
#include <torch/nn/modules/container/modulelist.h>

#include <cmath>

namespace alignflow {

LowRank::LowRank(int64_t width, int64_t rank, const at::TensorOptions& options) {
  a_ =
      register_module("lora_A", std::make_shared<hf::Linear>(width, rank, /*bias=*/false, options));
  b_ =
      register_module("lora_B", std::make_shared<hf::Linear>(rank, width, /*bias=*/false, options));
}

at::Tensor LowRank::Forward(const at::Tensor& x) const {
  // They may be kept in a wider type than the layer beside them.
  const at::Tensor inner = at::linear(x, a_->weight().to(x.scalar_type()));
  return at::linear(inner, b_->weight().to(x.scalar_type()));
}

AttentionAdapters::AttentionAdapters(int64_t width, ContextUse context, int64_t rank,
                                     const at::TensorOptions& options) {
  const auto layer = [&] { return std::make_shared<LowRank>(width, rank, options); };
  for (const char* name : {"to_q", "to_k", "to_v"}) {
    image_.push_back(register_module(name, layer()));
  }
  // The reference's ModuleList(Linear, Dropout).
  to_out_ = register_module("to_out", std::make_shared<torch::nn::Module>())
                ->register_module("0", layer());
  if (context == ContextUse::kNone) return;
  for (const char* name : {"add_q_proj", "add_k_proj", "add_v_proj"}) {
    context_.push_back(register_module(name, layer()));
  }
  if (context == ContextUse::kUpdate) to_add_out_ = register_module("to_add_out", layer());
}

at::Tensor AttentionAdapters::SideBySide(const Layers& layers, const at::Tensor& x) {
  std::vector<at::Tensor> parts;
  for (const auto& layer : layers) parts.push_back(layer->Forward(x));
  return at::cat(parts, -1);
}

BlockAdapters::BlockAdapters(int64_t width, bool dual, bool text_ends, int64_t rank,
                             const at::TensorOptions& options) {
  const auto attention = [&](ContextUse context) {
    return std::make_shared<AttentionAdapters>(width, context, rank, options);
  };
  attn_ = register_module("attn", attention(text_ends ? ContextUse::kRead : ContextUse::kUpdate));
  if (dual) attn2_ = register_module("attn2", attention(ContextUse::kNone));
}

SD3Adapters::SD3Adapters(const SD3TransformerConfig& config, int64_t rank,
                         const at::TensorOptions& options) {
  torch::nn::ModuleList list;
  for (int64_t i = 0; i < config.num_layers; ++i) {
    blocks_.push_back(std::make_shared<BlockAdapters>(config.Width(), config.IsDual(i),
                                                      i + 1 == config.num_layers, rank, options));
    list->push_back(blocks_.back());
  }
  register_module("transformer_blocks", list);
}

void SD3Adapters::Start(at::Generator random) {
  const at::NoGradGuard no_grad;
  for (auto& item : named_parameters()) {
    at::Tensor& weight = item.value();
    if (item.key().ends_with("lora_B.weight")) {
      weight.zero_();
      continue;
    }
    // Drawn on the CPU: the same numbers on every device.
    const double bound = 1 / std::sqrt(static_cast<double>(weight.size(1)));
    weight.copy_(at::empty(weight.sizes(), at::kFloat).uniform_(-bound, bound, random));
  }
}

}  // namespace alignflow
