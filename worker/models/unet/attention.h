#ifndef ALIGNFLOW_WORKER_MODELS_UNET_ATTENTION_H_
#define ALIGNFLOW_WORKER_MODELS_UNET_ATTENTION_H_

#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include <memory>
#include <vector>

#include "worker/models/unet/convolution.h"
#include "worker/models/unet/group_norm.h"
#include "worker/models/unet/unet_config.h"

namespace alignflow {

// What lets the positions of a feature map look at each other.
class SpatialAttention : public torch::nn::Module {
 public:
  // x: [N,C,...]; context: [N,L,D] or undefined. Returns the shape of x.
  virtual at::Tensor Forward(const at::Tensor& x, const at::Tensor& context) = 0;
};

// MONAI's AttentionBlock: x + softmax(Q K^T / sqrt(d)) V on the normalized positions. It holds
// proj_attn for the sake of the reference's checkpoints; see UNetConfig::attention_projection.
class AttentionBlock : public SpatialAttention {
 public:
  AttentionBlock(const UNetConfig& config, int64_t channels, int64_t head_channels);
  at::Tensor Forward(const at::Tensor& x, const at::Tensor& context) override;

 private:
  int64_t heads_;
  bool project_;
  std::shared_ptr<GroupNorm> norm_;
  torch::nn::Linear to_q_ = nullptr, to_k_ = nullptr, to_v_ = nullptr, proj_attn_ = nullptr;
};

class TransformerBlock;

// MONAI's SpatialTransformer: a projection, transformer layers (self-attention, attention to the
// context, feed-forward with GEGLU), a projection back, and the residual. Without a context the
// second attention, too, is self-attention.
class SpatialTransformer : public SpatialAttention {
 public:
  SpatialTransformer(const UNetConfig& config, int64_t channels, int64_t head_channels,
                     double dropout);
  at::Tensor Forward(const at::Tensor& x, const at::Tensor& context) override;

 private:
  std::shared_ptr<GroupNorm> norm_;
  std::shared_ptr<Convolution> proj_in_, proj_out_;
  std::vector<std::shared_ptr<TransformerBlock>> blocks_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_UNET_ATTENTION_H_
