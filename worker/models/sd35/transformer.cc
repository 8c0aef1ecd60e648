#include "worker/models/sd35/transformer.h"

#include <ATen/ATen.h>
#include <torch/nn/modules/container/modulelist.h>

#include <stdexcept>

namespace alignflow {

SD3Transformer::SD3Transformer(const SD3TransformerConfig& config, const at::TensorOptions& options)
    : config_(config) {
  const int64_t width = config.Width();
  pos_embed_ = register_module(
      "pos_embed", std::make_shared<PatchEmbedding>(config.in_channels, config.patch_size, width,
                                                    config.pos_embed_max_size, options));
  time_text_embed_ = register_module(
      "time_text_embed",
      std::make_shared<TimeTextEmbedding>(width, config.pooled_projection_dim, options));
  context_embedder_ = register_module(
      "context_embedder",
      std::make_shared<hf::Linear>(config.joint_attention_dim, width, true, options));
  torch::nn::ModuleList list;
  for (int64_t i = 0; i < config.num_layers; ++i) {
    blocks_.push_back(std::make_shared<JointBlock>(
        config, config.IsDual(i), /*text_ends=*/i + 1 == config.num_layers, options));
    list->push_back(blocks_.back());
  }
  register_module("transformer_blocks", list);
  norm_out_ = register_module("norm_out", std::make_shared<Modulation>(width, 2, options));
  proj_out_ = register_module(
      "proj_out",
      std::make_shared<hf::Linear>(
          width, config.patch_size * config.patch_size * config.out_channels, true, options));
}

at::Tensor SD3Transformer::Forward(const SD3Inputs& inputs,
                                   const std::vector<at::Tensor>& control) const {
  const at::ScalarType type = context_embedder_->weight().scalar_type();
  JointTokens tokens{pos_embed_->Forward(inputs.latent.to(type)),
                     context_embedder_->Forward(inputs.context.to(type))};
  const at::Tensor embedding = at::silu(time_text_embed_->Forward(inputs.timestep, inputs.pooled));
  // As the reference divides them: each residual serves as many blocks in a row.
  const double blocks_per_residual =
      static_cast<double>(blocks_.size()) / static_cast<double>(control.size());
  for (size_t i = 0; i < blocks_.size(); ++i) {
    tokens = blocks_[i]->Forward(tokens, embedding);
    if (control.empty() || blocks_[i]->text_ends()) continue;
    const auto residual = static_cast<size_t>(static_cast<double>(i) / blocks_per_residual);
    tokens.image = tokens.image + control[residual].to(tokens.image.scalar_type());
  }
  const std::vector<at::Tensor> scale_shift = norm_out_->Forward(embedding);
  return Unpatchify(proj_out_->Forward(Modulate(tokens.image, scale_shift[1], scale_shift[0])),
                    inputs.latent);
}

at::Tensor SD3Transformer::Unpatchify(const at::Tensor& tokens, const at::Tensor& like) const {
  const int64_t patch = config_.patch_size;
  const int64_t rows = like.size(2) / patch, columns = like.size(3) / patch;
  return tokens.view({tokens.size(0), rows, columns, patch, patch, config_.out_channels})
      .permute({0, 5, 1, 3, 2, 4})
      .reshape({tokens.size(0), config_.out_channels, rows * patch, columns * patch});
}

}  // namespace alignflow
