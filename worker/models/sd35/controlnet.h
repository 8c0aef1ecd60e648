#ifndef ALIGNFLOW_WORKER_MODELS_SD35_CONTROLNET_H_
#define ALIGNFLOW_WORKER_MODELS_SD35_CONTROLNET_H_

#include <memory>
#include <vector>

#include "worker/models/sd35/transformer.h"

namespace alignflow {

// A ControlNet for SD 3 and 3.5: diffusers' SD3ControlNetModel with its parameter names. Its blocks
// are like the transformer's first; what they add to the transformer goes through linear layers
// that start at zero, and so does what the control latent adds to them. Everything else is left as
// found in memory until weights are read or copied into it. Not thread-safe.
class SD3ControlNet : public SD3Trunk {
 public:
  explicit SD3ControlNet(const SD3ControlNetConfig& config, const at::TensorOptions& options = {});

  // A new one with the first num_layers blocks and the embeddings of `transformer`, converted to
  // `options`, so that it changes nothing yet; diffusers' from_transformer. If it has as many
  // blocks as the transformer, the last is a copy in what the image's tokens see of it: the
  // reference cannot be made so at all. Throws std::invalid_argument for more blocks than there
  // are.
  static std::shared_ptr<SD3ControlNet> FromTransformer(const SD3Transformer& transformer,
                                                        int64_t num_layers,
                                                        int64_t extra_conditioning_channels,
                                                        const at::TensorOptions& options);

  // control: [B,in_channels + extra_conditioning_channels,H,W], a latent of the sides of
  // inputs.latent. Returns scale times the residual of each block, [B,L,D]. inputs.pooled is taken
  // as it is: force_zeros_for_pooled_projection is the caller's to honour, as in the reference.
  // Throws std::invalid_argument for what does not fit.
  std::vector<at::Tensor> Forward(const SD3Inputs& inputs, const at::Tensor& control,
                                  double scale = 1.0) const;

  const SD3ControlNetConfig& config() const { return config_; }

 private:
  SD3ControlNetConfig config_;
  std::shared_ptr<PatchEmbedding> pos_embed_input_;
  std::vector<std::shared_ptr<hf::Linear>> outputs_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SD35_CONTROLNET_H_
