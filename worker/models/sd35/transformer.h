#ifndef ALIGNFLOW_WORKER_MODELS_SD35_TRANSFORMER_H_
#define ALIGNFLOW_WORKER_MODELS_SD35_TRANSFORMER_H_

#include <memory>
#include <vector>

#include "worker/models/sd35/attention_adapters.h"
#include "worker/models/sd35/transformer_trunk.h"

namespace alignflow {

// Stable Diffusion 3 and 3.5's MM-DiT(-X): diffusers' SD3Transformer2DModel with its parameter
// names. It computes in the type of its parameters, which the constructor leaves as found in memory
// until a checkpoint is read into them. Not thread-safe.
class SD3Transformer : public SD3Trunk {
 public:
  // options: device (meta, too) and floating type of the parameters.
  explicit SD3Transformer(const SD3TransformerConfig& config,
                          const at::TensorOptions& options = {});

  // control: residuals [B,L,D] of a ControlNet for the image tokens, spread evenly over the blocks,
  // or empty. adapters: made for this config, or null. Returns the reference's output, noise minus
  // data, [B,out_channels,H,W]. Throws std::invalid_argument for a latent that does not fit.
  at::Tensor Forward(const SD3Inputs& inputs, const std::vector<at::Tensor>& control = {},
                     const SD3Adapters* adapters = nullptr) const;

  const SD3TransformerConfig& config() const { return config_; }

 private:
  // Tokens [B,L,patch^2 C] to [B,C,H,W].
  at::Tensor Unpatchify(const at::Tensor& tokens, const at::Tensor& like) const;

  SD3TransformerConfig config_;
  std::shared_ptr<Modulation> norm_out_;
  std::shared_ptr<hf::Linear> proj_out_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SD35_TRANSFORMER_H_
