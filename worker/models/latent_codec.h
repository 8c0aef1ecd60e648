#ifndef ALIGNFLOW_WORKER_MODELS_LATENT_CODEC_H_
#define ALIGNFLOW_WORKER_MODELS_LATENT_CODEC_H_

#include <ATen/ATen.h>

namespace alignflow {

// Between images and the space in which the flow runs.
class LatentCodec {
 public:
  virtual ~LatentCodec() = default;
  // image: [B,3,H,W] RGB in [-1,1]. Returns the latent [B,C,h,w], about unit variance per channel
  // on the source dataset.
  virtual at::Tensor Encode(const at::Tensor& image) const = 0;
  // The inverse of Encode; differentiable. The result is not clamped: the caller clamps when it
  // stores an image.
  virtual at::Tensor Decode(const at::Tensor& latent) const = 0;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_LATENT_CODEC_H_
