#include "worker/models/sd35/transformer.h"

#include <ATen/ATen.h>

namespace alignflow {

SD3Transformer::SD3Transformer(const SD3TransformerConfig& config, const at::TensorOptions& options)
    : SD3Trunk(config, /*text_ends=*/true, options), config_(config) {
  const int64_t width = config.Width();
  norm_out_ = register_module("norm_out", std::make_shared<Modulation>(width, 2, options));
  proj_out_ = register_module(
      "proj_out",
      std::make_shared<hf::Linear>(
          width, config.patch_size * config.patch_size * config.out_channels, true, options));
}

at::Tensor SD3Transformer::Forward(const SD3Inputs& inputs, const std::vector<at::Tensor>& control,
                                   const SD3Adapters* adapters) const {
  JointTokens tokens = EmbedTokens(inputs);
  const at::Tensor embedding = EmbedTime(inputs);
  // As the reference divides them: each residual serves as many blocks in a row.
  const double blocks_per_residual =
      static_cast<double>(blocks().size()) / static_cast<double>(control.size());
  for (size_t i = 0; i < blocks().size(); ++i) {
    tokens =
        RecomputedForward(blocks()[i], tokens, embedding, adapters ? adapters->block(i) : nullptr);
    if (control.empty() || blocks()[i]->text_ends()) continue;
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
