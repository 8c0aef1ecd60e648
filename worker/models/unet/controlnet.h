#ifndef ALIGNFLOW_WORKER_MODELS_UNET_CONTROLNET_H_
#define ALIGNFLOW_WORKER_MODELS_UNET_CONTROLNET_H_

#include <memory>
#include <vector>

#include "worker/models/unet/diffusion_model_unet.h"
#include "worker/models/unet/unet_encoder.h"

namespace alignflow {

// A stack of convolutions that brings the condition (a mask) to the size and width of the net's
// first features: each channel count after the first of conditioning_embedding_num_channels halves
// the sides. Names: conv_in, blocks.N, conv_out.
class ConditioningEmbedding : public torch::nn::Module {
 public:
  explicit ConditioningEmbedding(const UNetConfig& config);
  at::Tensor Forward(const at::Tensor& condition);

 private:
  std::vector<std::shared_ptr<Convolution>> convolutions_;  // SiLU after all but the last
};

// MONAI GenerativeModels' ControlNet, with its parameter names (Zhang et al., arXiv:2302.05543).
// Not thread-safe.
class ControlNet : public UNetEncoder {
 public:
  explicit ControlNet(const UNetConfig& config);

  // As DiffusionModelUNet::Forward; condition: [N,conditioning_embedding_in_channels,...], whose
  // embedding must have x's sides. scale multiplies every residual. Throws std::invalid_argument.
  ControlResiduals Forward(const at::Tensor& x, const at::Tensor& timesteps,
                           const at::Tensor& condition, const at::Tensor& context,
                           const at::Tensor& class_labels, double scale = 1.0);

  // From now on the weights do not change. Without gradients the embedding of the last condition is
  // then kept: sampling asks with the same one at every step.
  void Freeze() { frozen_ = true; }

 private:
  // type: the precision that the net computes in, which the embedding must have been made in, too.
  at::Tensor Embed(const at::Tensor& condition, at::ScalarType type);

  std::shared_ptr<ConditioningEmbedding> embedding_;
  std::vector<std::shared_ptr<Convolution>> down_;
  std::shared_ptr<Convolution> mid_;
  bool frozen_ = false;
  at::Tensor last_condition_;
  at::Tensor last_embedded_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_UNET_CONTROLNET_H_
