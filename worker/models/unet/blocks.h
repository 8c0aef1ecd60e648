#ifndef ALIGNFLOW_WORKER_MODELS_UNET_BLOCKS_H_
#define ALIGNFLOW_WORKER_MODELS_UNET_BLOCKS_H_

#include <memory>
#include <vector>

#include "worker/models/unet/attention.h"
#include "worker/models/unet/resnet_block.h"
#include "worker/models/unet/unet_config.h"

namespace alignflow {

// One level of the U-Net. MONAI has a class each for levels without attention, with self-attention
// and with cross-attention; here `attention` (empty, AttentionBlock or SpatialTransformer) makes
// the difference. Names: resnets.N, attentions.N, downsampler. `time` is everywhere the time
// embedding [N,E] after SiLU.
class DownBlock : public torch::nn::Module {
 public:
  // dropout: of the transformers.
  DownBlock(const UNetConfig& config, size_t level, double dropout);
  // Returns the level's result and appends everything a skip connection (or the ControlNet) takes
  // to `skips`.
  at::Tensor Forward(at::Tensor x, const at::Tensor& time, const at::Tensor& context,
                     std::vector<at::Tensor>& skips);

 private:
  std::vector<std::shared_ptr<ResnetBlock>> resnets_;
  std::vector<std::shared_ptr<SpatialAttention>> attentions_;  // empty or as many as resnets_
  std::shared_ptr<Resampler> downsampler_;                     // null at the coarsest level
};

// Two residual blocks around an attention, at the coarsest level. Names: resnet_1, attention,
// resnet_2.
class MidBlock : public torch::nn::Module {
 public:
  MidBlock(const UNetConfig& config, double dropout);
  at::Tensor Forward(const at::Tensor& x, const at::Tensor& time, const at::Tensor& context);

 private:
  std::shared_ptr<ResnetBlock> resnet_1_, resnet_2_;
  std::shared_ptr<SpatialAttention> attention_;
};

// Names: resnets.N, attentions.N, upsampler.
class UpBlock : public torch::nn::Module {
 public:
  // level counts from the finest, as in the configuration.
  UpBlock(const UNetConfig& config, size_t level, double dropout);
  // Takes its skips from the end of `skips`.
  at::Tensor Forward(at::Tensor x, const at::Tensor& time, const at::Tensor& context,
                     std::vector<at::Tensor>& skips);

 private:
  std::vector<std::shared_ptr<ResnetBlock>> resnets_;
  std::vector<std::shared_ptr<SpatialAttention>> attentions_;
  std::shared_ptr<Resampler> upsampler_;  // null at the finest level
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_UNET_BLOCKS_H_
