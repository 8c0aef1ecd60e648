#ifndef ALIGNFLOW_WORKER_MODELS_DINOV3_DINOV3_VIT_H_
#define ALIGNFLOW_WORKER_MODELS_DINOV3_DINOV3_VIT_H_

#include <torch/nn/module.h>

#include <memory>
#include <vector>

#include "worker/models/dinov3/dinov3_config.h"
#include "worker/models/hf/layers.h"

namespace alignflow {

class DinoV3Layer;

// A DINOv3 vision transformer (Simeoni et al., arXiv:2508.10104): transformers' DINOv3ViTModel in
// evaluation, with its parameter names. It computes in the type of its parameters, which the
// constructor leaves as found in memory until a checkpoint is read into them. Not thread-safe.
class DinoV3ViT : public torch::nn::Module {
 public:
  struct Output {
    at::Tensor last_hidden_state;  // [B,1 + registers + patches,D]: class token, registers, patches
    at::Tensor pooler_output;      // [B,D]: the class token
  };

  // options: device (meta, too) and floating type of the parameters.
  explicit DinoV3ViT(const DinoV3Config& config, const at::TensorOptions& options = {});
  ~DinoV3ViT() override;

  // pixels: [B,num_channels,H,W], normalized as the model was trained; what H and W have beyond a
  // multiple of the patch is left out. Throws std::invalid_argument for less than one patch.
  Output Forward(const at::Tensor& pixels) const;

  const DinoV3Config& config() const { return config_; }

 private:
  DinoV3Config config_;
  at::Tensor cls_token_, register_tokens_;
  std::shared_ptr<hf::Conv2d> patch_embeddings_;
  std::vector<std::shared_ptr<DinoV3Layer>> layers_;
  std::shared_ptr<hf::LayerNorm> norm_;
};

// Images as the model wants them: image [B,3,H,W] RGB in [-1,1] to pixels [B,3,height,width].
// Differentiable. The resizing is the reference's: bilinear, antialiased where it shrinks.
at::Tensor DinoV3Pixels(const at::Tensor& image, const DinoV3Preprocessing& preprocessing);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_DINOV3_DINOV3_VIT_H_
