#include "worker/models/sd35/transformer_trunk.h"

#include <ATen/ATen.h>
#include <torch/nn/modules/container/modulelist.h>

namespace alignflow {

SD3Trunk::SD3Trunk(const SD3TransformerConfig& config, bool text_ends,
                   const at::TensorOptions& options) {
  const int64_t width = config.Width();
  pos_embed_ = register_module(
      "pos_embed", std::make_shared<PatchEmbedding>(config.in_channels, config.patch_size, width,
                                                    config.pos_embed_max_size, options));
  time_text_embed_ = register_module(
      "time_text_embed",
      std::make_shared<TimeTextEmbedding>(width, config.pooled_projection_dim, options));
  context_embedder_ = register_module(
      "context_embedder",
      std::make_shared<hf::Linear>(config.joint_attention_dim, width, /*bias=*/true, options));
  torch::nn::ModuleList list;
  for (int64_t i = 0; i < config.num_layers; ++i) {
    blocks_.push_back(std::make_shared<JointBlock>(
        config, config.IsDual(i), text_ends && i + 1 == config.num_layers, options));
    list->push_back(blocks_.back());
  }
  register_module("transformer_blocks", list);
}

JointTokens SD3Trunk::EmbedTokens(const SD3Inputs& inputs) const {
  return {pos_embed_->Forward(inputs.latent.to(dtype())),
          context_embedder_->Forward(inputs.context.to(dtype()))};
}

at::Tensor SD3Trunk::EmbedTime(const SD3Inputs& inputs) const {
  return at::silu(time_text_embed_->Forward(inputs.timestep, inputs.pooled));
}

}  // namespace alignflow
