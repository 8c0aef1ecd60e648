#ifndef ALIGNFLOW_WORKER_MODELS_SD35_TRANSFORMER_BLOCK_H_
#define ALIGNFLOW_WORKER_MODELS_SD35_TRANSFORMER_BLOCK_H_

#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "worker/models/hf/layers.h"
#include "worker/models/sd35/joint_attention.h"
#include "worker/models/sd35/transformer_config.h"

namespace alignflow {

class BlockAdapters;

// A layer norm's shift, scale and whatever else a block takes from time and pooled text (adaLN).
class Modulation : public torch::nn::Module {
 public:
  Modulation(int64_t width, int64_t count, const at::TensorOptions& options);
  // embedding: [B,width], through SiLU already. Returns `count` tensors [B,1,width].
  std::vector<at::Tensor> Forward(const at::Tensor& embedding) const;

 private:
  int64_t count_;
  std::shared_ptr<hf::Linear> linear_;
};

// norm(x) (1 + scale) + shift, where norm has no parameters. x: [B,L,D]; shift, scale: [B,1,D].
at::Tensor Modulate(const at::Tensor& x, const at::Tensor& shift, const at::Tensor& scale);

// Two linear layers with GELU (tanh form) between; the hidden width is four times the outer.
class GeluMlp : public torch::nn::Module {
 public:
  GeluMlp(int64_t width, const at::TensorOptions& options);
  at::Tensor Forward(const at::Tensor& x) const;

 private:
  std::shared_ptr<hf::Linear> in_, out_;
};

// One block of an MM-DiT-X: diffusers' JointTransformerBlock with its parameter names. A dual block
// adds a second attention among the image's tokens. In the last block of a transformer the text
// ends; a ControlNet's blocks all go on.
class JointBlock : public torch::nn::Module {
 public:
  JointBlock(const SD3TransformerConfig& config, bool dual, bool text_ends,
             const at::TensorOptions& options);

  // embedding: of time and pooled text, through SiLU, [B,D]. The result's context is undefined
  // where the text ends. adapters: of a block like this one, or null.
  JointTokens Forward(const JointTokens& tokens, const at::Tensor& embedding,
                      const BlockAdapters* adapters = nullptr) const;

  bool text_ends() const { return text_ends_; }

 private:
  bool text_ends_;
  std::shared_ptr<Modulation> norm1_, norm1_context_;
  std::shared_ptr<JointAttention> attn_, attn2_;  // attn2_: null unless dual
  std::shared_ptr<GeluMlp> ff_, ff_context_;
};

// block->Forward(tokens, embedding, adapters), computed once more in the backward pass
// (recompute.h).
JointTokens RecomputedForward(const std::shared_ptr<const JointBlock>& block,
                              const JointTokens& tokens, const at::Tensor& embedding,
                              const std::shared_ptr<const BlockAdapters>& adapters = nullptr);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SD35_TRANSFORMER_BLOCK_H_
