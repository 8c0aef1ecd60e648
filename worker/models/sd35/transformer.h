#ifndef ALIGNFLOW_WORKER_MODELS_SD35_TRANSFORMER_H_
#define ALIGNFLOW_WORKER_MODELS_SD35_TRANSFORMER_H_

#include <torch/nn/module.h>

#include <memory>
#include <vector>

#include "worker/models/hf/layers.h"
#include "worker/models/sd35/embeddings.h"
#include "worker/models/sd35/transformer_block.h"
#include "worker/models/sd35/transformer_config.h"

namespace alignflow {

// What both networks of SD 3.5 look at.
struct SD3Inputs {
  at::Tensor latent;    // [B,in_channels,H,W], H and W multiples of patch_size
  at::Tensor timestep;  // [B], 1000 sigma: 1000 is noise, 0 data
  at::Tensor context;   // [B,L,joint_attention_dim] text tokens
  at::Tensor pooled;    // [B,pooled_projection_dim] pooled text
};

// Stable Diffusion 3 and 3.5's MM-DiT(-X): diffusers' SD3Transformer2DModel with its parameter
// names. It computes in the type of its parameters, which the constructor leaves as found in memory
// until a checkpoint is read into them. Not thread-safe.
class SD3Transformer : public torch::nn::Module {
 public:
  // options: device (meta, too) and floating type of the parameters.
  explicit SD3Transformer(const SD3TransformerConfig& config,
                          const at::TensorOptions& options = {});

  // control: residuals [B,L,D] of a ControlNet for the image tokens, spread evenly over the blocks,
  // or empty. Returns the reference's output, noise minus data, [B,out_channels,H,W]. Throws
  // std::invalid_argument for a latent that does not fit.
  at::Tensor Forward(const SD3Inputs& inputs, const std::vector<at::Tensor>& control = {}) const;

  const SD3TransformerConfig& config() const { return config_; }

 private:
  // Tokens [B,L,patch^2 C] to [B,C,H,W].
  at::Tensor Unpatchify(const at::Tensor& tokens, const at::Tensor& like) const;

  SD3TransformerConfig config_;
  std::shared_ptr<PatchEmbedding> pos_embed_;
  std::shared_ptr<TimeTextEmbedding> time_text_embed_;
  std::shared_ptr<hf::Linear> context_embedder_;
  std::vector<std::shared_ptr<JointBlock>> blocks_;
  std::shared_ptr<Modulation> norm_out_;
  std::shared_ptr<hf::Linear> proj_out_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SD35_TRANSFORMER_H_
