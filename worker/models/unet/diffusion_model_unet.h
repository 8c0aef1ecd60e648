#ifndef ALIGNFLOW_WORKER_MODELS_UNET_DIFFUSION_MODEL_UNET_H_
#define ALIGNFLOW_WORKER_MODELS_UNET_DIFFUSION_MODEL_UNET_H_

#include <memory>
#include <vector>

#include "worker/models/unet/unet_encoder.h"

namespace alignflow {

// What the ControlNet adds to the U-Net: a residual for each skip connection and one for the
// middle.
struct ControlResiduals {
  std::vector<at::Tensor> down;
  at::Tensor mid;
};

// MONAI GenerativeModels' DiffusionModelUNet, with its parameter names. Not thread-safe.
class DiffusionModelUNet : public UNetEncoder {
 public:
  explicit DiffusionModelUNet(const UNetConfig& config);

  // x: [N,in_channels,...], each side a multiple of config.Downscale(); timesteps: [N] on the scale
  // [0, max_timestep); context: [N,L,cross_attention_dim] or undefined; class_labels: [N] int64 or
  // undefined; residuals are used up (written to). Returns [N,out_channels,...]. Throws
  // std::invalid_argument.
  at::Tensor Forward(const at::Tensor& x, const at::Tensor& timesteps, const at::Tensor& context,
                     const at::Tensor& class_labels, ControlResiduals&& residuals = {});

 private:
  std::vector<std::shared_ptr<UpBlock>> up_blocks_;  // from the coarsest
  std::shared_ptr<GroupNorm> out_norm_;
  std::shared_ptr<Convolution> out_conv_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_UNET_DIFFUSION_MODEL_UNET_H_
