#ifndef ALIGNFLOW_WORKER_MODELS_SD35_AUTOENCODER_H_
#define ALIGNFLOW_WORKER_MODELS_SD35_AUTOENCODER_H_

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <filesystem>
#include <memory>

#include "worker/models/hf/layers.h"
#include "worker/models/latent_codec.h"
#include "worker/models/sd35/autoencoder_config.h"

namespace alignflow {

class AutoencoderEncoder;
class AutoencoderDecoder;

// diffusers' AutoencoderKL with its parameter names; 16 latent channels and a factor of 8 in SD
// 3.5. Latents are the reference's, unscaled. Sides of the image need not be multiples of the
// factor: each halving rounds down. Parameters are uninitialised until weights are loaded. Not
// thread-safe.
class AutoencoderKL : public torch::nn::Module {
 public:
  explicit AutoencoderKL(const AutoencoderConfig& config, const at::TensorOptions& options = {});
  // config.json and weights of a folder. Throws std::runtime_error naming file and field or tensor.
  static std::shared_ptr<AutoencoderKL> Load(const std::filesystem::path& folder,
                                             const at::TensorOptions& options = {});

  struct Moments {
    at::Tensor mean;    // [B,latent_channels,h,w]
    at::Tensor logvar;  // the same shape, clamped to [-30,20]
  };
  // image: [B,in_channels,H,W] in [-1,1]. Throws std::invalid_argument for another shape or a side
  // shorter than the factor.
  Moments Encode(const at::Tensor& image) const;
  // latent: [B,latent_channels,h,w]. Returns [B,out_channels,factor h,factor w], not clamped.
  at::Tensor Decode(const at::Tensor& latent) const;

  const AutoencoderConfig& config() const { return config_; }

 private:
  AutoencoderConfig config_;
  std::shared_ptr<AutoencoderEncoder> encoder_;
  std::shared_ptr<AutoencoderDecoder> decoder_;
  std::shared_ptr<hf::Conv2d> quant_conv_, post_quant_conv_;  // null where the config has none
};

// AutoencoderKL between images and the latents that SD 3.5's transformer works on:
//   latent = (mean - shift_factor) scaling_factor.
// The mean is taken instead of a sample, so that encoding is a function of the image. Computes in
// the type of the autoencoder's parameters; float32 in and out.
class AutoencoderCodec : public LatentCodec {
 public:
  explicit AutoencoderCodec(std::shared_ptr<const AutoencoderKL> autoencoder);
  at::Tensor Encode(const at::Tensor& image) const override;
  at::Tensor Decode(const at::Tensor& latent) const override;

 private:
  std::shared_ptr<const AutoencoderKL> autoencoder_;
  at::ScalarType dtype_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SD35_AUTOENCODER_H_
