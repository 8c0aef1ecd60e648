#include "worker/models/sd35/codec.h"

#include <ATen/core/grad_mode.h>

#include <utility>
#include <vector>

namespace alignflow {

Sd35Codec::Sd35Codec(std::shared_ptr<const AutoencoderKL> autoencoder)
    : codec_(std::move(autoencoder)) {}

at::Tensor Sd35Codec::Encode(const at::Tensor& image) const {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> parts;
  for (const at::Tensor& part : image.split(kAutoencoderBatch)) {
    parts.push_back(codec_.Encode(part));
  }
  return at::cat(parts);
}

at::Tensor Sd35Codec::Decode(const at::Tensor& latent) const {
  if (at::GradMode::is_enabled()) return codec_.Decode(latent);
  std::vector<at::Tensor> parts;
  for (const at::Tensor& part : latent.split(kAutoencoderBatch)) {
    parts.push_back(codec_.Decode(part));
  }
  return at::cat(parts);
}

}  // namespace alignflow
