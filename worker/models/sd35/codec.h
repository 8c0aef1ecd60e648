#ifndef ALIGNFLOW_WORKER_MODELS_SD35_CODEC_H_
#define ALIGNFLOW_WORKER_MODELS_SD35_CODEC_H_

#include <cstdint>
#include <memory>

#include "worker/models/sd35/autoencoder.h"

namespace alignflow {

// Images that the autoencoder takes at a time where no graph is kept; its activations are large.
inline constexpr int64_t kAutoencoderBatch = 4;

// AutoencoderCodec on a few images at a time; while a graph is kept Decode takes them together.
// Encode keeps no graph.
class Sd35Codec : public LatentCodec {
 public:
  explicit Sd35Codec(std::shared_ptr<const AutoencoderKL> autoencoder);
  at::Tensor Encode(const at::Tensor& image) const override;
  at::Tensor Decode(const at::Tensor& latent) const override;

 private:
  AutoencoderCodec codec_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SD35_CODEC_H_
