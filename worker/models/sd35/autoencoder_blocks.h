#ifndef ALIGNFLOW_WORKER_MODELS_SD35_AUTOENCODER_BLOCKS_H_
#define ALIGNFLOW_WORKER_MODELS_SD35_AUTOENCODER_BLOCKS_H_

#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "worker/models/hf/layers.h"
#include "worker/models/sd35/autoencoder_config.h"

namespace alignflow {

// SiLU or nothing after torch.nn.GroupNorm; epsilon 1e-6 throughout AutoencoderKL.
class AutoencoderNorm : public torch::nn::Module {
 public:
  AutoencoderNorm(int64_t groups, int64_t channels, const at::TensorOptions& options);
  at::Tensor Forward(const at::Tensor& x, bool silu) const;  // [B,C,...]

 private:
  int64_t groups_;
  at::Tensor weight_, bias_;
};

// skip(x) + conv2(SiLU(GN(conv1(SiLU(GN(x)))))).
class AutoencoderResnet : public torch::nn::Module {
 public:
  AutoencoderResnet(int64_t groups, int64_t in, int64_t out, const at::TensorOptions& options);
  at::Tensor Forward(const at::Tensor& x) const;  // [B,in,H,W] to [B,out,H,W]

 private:
  std::shared_ptr<AutoencoderNorm> norm1_, norm2_;
  std::shared_ptr<hf::Conv2d> conv1_, conv2_, conv_shortcut_;  // the last is null where in == out
};

// x + to_out(softmax(q k^T / sqrt(C)) v) over all positions, one head.
class AutoencoderAttention : public torch::nn::Module {
 public:
  AutoencoderAttention(int64_t groups, int64_t channels, const at::TensorOptions& options);
  at::Tensor Forward(const at::Tensor& x) const;  // [B,C,H,W]

 private:
  std::shared_ptr<AutoencoderNorm> group_norm_;
  std::shared_ptr<hf::Linear> to_q_, to_k_, to_v_, to_out_;
};

// Two residual blocks with, unless mid_block_add_attention is off, attention between them.
class AutoencoderMid : public torch::nn::Module {
 public:
  AutoencoderMid(const AutoencoderConfig& config, int64_t channels,
                 const at::TensorOptions& options);
  at::Tensor Forward(const at::Tensor& x) const;  // [B,C,H,W]

 private:
  std::vector<std::shared_ptr<AutoencoderResnet>> resnets_;
  std::shared_ptr<AutoencoderAttention> attention_;  // may be null
};

enum class AutoencoderResize { kNone, kHalve, kDouble };

// One level: residual blocks, then the change of resolution. Halving pads right and below by one
// and convolves with stride 2, so that an odd side is rounded down, as in the reference; doubling
// repeats and convolves.
class AutoencoderLevel : public torch::nn::Module {
 public:
  AutoencoderLevel(int64_t groups, int64_t in, int64_t out, int64_t layers,
                   AutoencoderResize resize, const at::TensorOptions& options);
  at::Tensor Forward(at::Tensor x) const;  // [B,in,H,W] to [B,out,H',W']

 private:
  AutoencoderResize resize_;
  std::vector<std::shared_ptr<AutoencoderResnet>> resnets_;
  std::shared_ptr<hf::Conv2d> conv_;  // null with kNone
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SD35_AUTOENCODER_BLOCKS_H_
