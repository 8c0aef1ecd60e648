#ifndef ALIGNFLOW_WORKER_MODELS_DINOV3_DINOV3_LAYER_H_
#define ALIGNFLOW_WORKER_MODELS_DINOV3_DINOV3_LAYER_H_

#include <torch/nn/module.h>

#include <memory>

#include "worker/models/dinov3/dinov3_config.h"
#include "worker/models/fused_linear.h"
#include "worker/models/hf/layers.h"

namespace alignflow {

// Rotary position embedding of the patches of an image: angles for coordinates in [-1,1].
struct RotaryPositions {
  at::Tensor cos, sin;  // [patches,1,head width]
};

// float32, for `rows` times `columns` patches on the device of `like`, in its type.
RotaryPositions DinoV3Positions(const DinoV3Config& config, int64_t rows, int64_t columns,
                                const at::Tensor& like);

// One layer of a DINOv3 ViT: x + scale1 attention(norm1 x), then x + scale2 mlp(norm2 x).
class DinoV3Layer : public torch::nn::Module {
 public:
  DinoV3Layer(const DinoV3Config& config, const at::TensorOptions& options);

  // x: [B,1 + registers + patches,D]. Returns its shape.
  at::Tensor Forward(const at::Tensor& x, const RotaryPositions& positions) const;

 private:
  at::Tensor Attention(const at::Tensor& x, const RotaryPositions& positions) const;
  at::Tensor Mlp(const at::Tensor& x) const;
  at::Tensor Activation(const at::Tensor& x) const;

  int64_t heads_;
  bool silu_;
  std::shared_ptr<hf::LayerNorm> norm1_, norm2_;
  std::unique_ptr<FusedLinear> qkv_;
  std::shared_ptr<hf::Linear> o_proj_, gate_proj_, up_proj_, down_proj_;
  at::Tensor scale1_, scale2_;  // [D]
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_DINOV3_DINOV3_LAYER_H_
