#ifndef ALIGNFLOW_WORKER_MODELS_UNET_MERGED_MODEL_H_
#define ALIGNFLOW_WORKER_MODELS_UNET_MERGED_MODEL_H_

#include <memory>

#include "worker/models/unet/controlnet.h"
#include "worker/models/unet/diffusion_model_unet.h"
#include "worker/models/velocity_model.h"

namespace alignflow {

// MOTFM's MergedModel, with its parameter names ("unet.*", "controlnet.*"): U-Net and, with
// mask_conditioning, ControlNet as one velocity field of t in [0,1]. Condition::mask is the
// ControlNet's condition, and must be defined exactly if there is one. A new model's ControlNet
// starts as a copy of the U-Net's encoder. Not thread-safe.
class MergedModel : public torch::nn::Module, public VelocityModel {
 public:
  explicit MergedModel(const UNetConfig& config);

  at::Tensor Velocity(const at::Tensor& x, const at::Tensor& t,
                      const Condition& condition) override;

  // Brings the model into its form for inference: no gradients, no dropout, and whatever can be
  // computed from the weights once is kept. The weights must not be written to afterwards.
  void Freeze();

  DiffusionModelUNet& unet() { return *unet_; }
  ControlNet* controlnet() { return controlnet_.get(); }  // null without mask_conditioning

 private:
  UNetConfig config_;
  std::shared_ptr<DiffusionModelUNet> unet_;
  std::shared_ptr<ControlNet> controlnet_;
};

// Names and tensors of a module's parameters and buffers, sharing memory with it.
std::map<std::string, at::Tensor> StateOf(const torch::nn::Module& module);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_UNET_MERGED_MODEL_H_
