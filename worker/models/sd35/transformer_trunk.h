#ifndef ALIGNFLOW_WORKER_MODELS_SD35_TRANSFORMER_TRUNK_H_
#define ALIGNFLOW_WORKER_MODELS_SD35_TRANSFORMER_TRUNK_H_

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

// What an MM-DiT and its ControlNet have in common: the embeddings and the blocks, under the
// reference's names. It computes in the type of its parameters, which are left as found in memory
// until a checkpoint is read into them.
class SD3Trunk : public torch::nn::Module {
 public:
  at::ScalarType dtype() const { return context_embedder_->weight().scalar_type(); }

 protected:
  // text_ends: in the last block.
  SD3Trunk(const SD3TransformerConfig& config, bool text_ends, const at::TensorOptions& options);

  // Both streams before the first block. Throws std::invalid_argument for a latent that does not
  // fit.
  JointTokens EmbedTokens(const SD3Inputs& inputs) const;
  // Time and pooled text, [B,D], through the SiLU that each modulation begins with.
  at::Tensor EmbedTime(const SD3Inputs& inputs) const;

  const std::vector<std::shared_ptr<JointBlock>>& blocks() const { return blocks_; }

 private:
  std::shared_ptr<PatchEmbedding> pos_embed_;
  std::shared_ptr<TimeTextEmbedding> time_text_embed_;
  std::shared_ptr<hf::Linear> context_embedder_;
  std::vector<std::shared_ptr<JointBlock>> blocks_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SD35_TRANSFORMER_TRUNK_H_
