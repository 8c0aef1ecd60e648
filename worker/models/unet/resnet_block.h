#ifndef ALIGNFLOW_WORKER_MODELS_UNET_RESNET_BLOCK_H_
#define ALIGNFLOW_WORKER_MODELS_UNET_RESNET_BLOCK_H_

#include <torch/nn/modules/linear.h>

#include <memory>

#include "worker/models/unet/convolution.h"
#include "worker/models/unet/group_norm.h"
#include "worker/models/unet/unet_config.h"

namespace alignflow {

// What changes the resolution between two levels: a convolution or a whole residual block.
class Resampler : public torch::nn::Module {
 public:
  // x: [N,C,...]; time: [N,E], the time embedding after SiLU.
  virtual at::Tensor Forward(const at::Tensor& x, const at::Tensor& time) = 0;
};

// Halves each side by a convolution of stride 2 ("op").
class Downsample : public Resampler {
 public:
  Downsample(int64_t spatial_dims, int64_t channels);
  at::Tensor Forward(const at::Tensor& x, const at::Tensor& time) override;

 private:
  std::shared_ptr<Convolution> op_;
};

// Doubles each side by repetition, followed by a convolution ("conv").
class Upsample : public Resampler {
 public:
  Upsample(int64_t spatial_dims, int64_t channels);
  at::Tensor Forward(const at::Tensor& x, const at::Tensor& time) override;

 private:
  std::shared_ptr<Convolution> conv_;
};

enum class Resize { kNone, kDown, kUp };

// MONAI's ResnetBlock: skip(x) + conv2(SiLU(GN(conv1(SiLU(GN(x))) + proj(time)))), with an average
// pool (kDown) or a repetition (kUp) before conv1 and on the skip.
class ResnetBlock : public Resampler {
 public:
  ResnetBlock(const UNetConfig& config, int64_t in_channels, int64_t out_channels,
              int64_t time_channels, Resize resize = Resize::kNone);
  at::Tensor Forward(const at::Tensor& x, const at::Tensor& time) override;

 private:
  Resize resize_;
  std::shared_ptr<GroupNorm> norm1_, norm2_;
  std::shared_ptr<Convolution> conv1_, conv2_,
      skip_connection_;  // the last is null where it is the identity
  torch::nn::Linear time_emb_proj_ = nullptr;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_UNET_RESNET_BLOCK_H_
