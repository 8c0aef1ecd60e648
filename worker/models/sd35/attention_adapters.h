#ifndef ALIGNFLOW_WORKER_MODELS_SD35_ATTENTION_ADAPTERS_H_
#define ALIGNFLOW_WORKER_MODELS_SD35_ATTENTION_ADAPTERS_H_

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "worker/models/hf/layers.h"
#include "worker/models/sd35/joint_attention.h"
#include "worker/models/sd35/transformer_config.h"

namespace alignflow {

// What a low-rank adapter adds to a linear layer's output: x A^T B^T, A of `rank` rows, B of as
// many columns (LoRA with alpha = rank; Hu et al., arXiv:2106.09685). Computes in the type of x.
class LowRank : public torch::nn::Module {
 public:
  LowRank(int64_t width, int64_t rank, const at::TensorOptions& options);
  at::Tensor Forward(const at::Tensor& x) const;  // [...,width] to [...,width]

 private:
  std::shared_ptr<hf::Linear> a_, b_;
};

// Adapters of all linear layers of a JointAttention, beside which they are.
class AttentionAdapters : public torch::nn::Module {
 public:
  AttentionAdapters(int64_t width, ContextUse context, int64_t rank,
                    const at::TensorOptions& options);

  // What is added to queries, keys and values of a stream, side by side: [B,L,D] to [B,L,3 D].
  at::Tensor Image(const at::Tensor& x) const { return SideBySide(image_, x); }
  at::Tensor Context(const at::Tensor& x) const { return SideBySide(context_, x); }
  // What is added to the output layers of a stream: [B,L,D] to [B,L,D].
  at::Tensor ImageOut(const at::Tensor& x) const { return to_out_->Forward(x); }
  at::Tensor ContextOut(const at::Tensor& x) const { return to_add_out_->Forward(x); }

 private:
  using Layers = std::vector<std::shared_ptr<LowRank>>;

  static at::Tensor SideBySide(const Layers& layers, const at::Tensor& x);

  Layers image_, context_;                        // of queries, keys, values
  std::shared_ptr<LowRank> to_out_, to_add_out_;  // to_add_out_: null where the text ends
};

// The adapters of one block.
class BlockAdapters : public torch::nn::Module {
 public:
  BlockAdapters(int64_t width, bool dual, bool text_ends, int64_t rank,
                const at::TensorOptions& options);
  const AttentionAdapters& attn() const { return *attn_; }
  const AttentionAdapters& attn2() const { return *attn2_; }  // of dual blocks

 private:
  std::shared_ptr<AttentionAdapters> attn_, attn2_;
};

// Adapters of every attention of an SD3Transformer, for training it while it stays as it is. The
// names are the transformer's own with lora_A and lora_B ("transformer_blocks.0.attn.to_q.lora_A.
// weight"), as peft's. Left as found in memory until they are started or read. Not thread-safe.
class SD3Adapters : public torch::nn::Module {
 public:
  SD3Adapters(const SD3TransformerConfig& config, int64_t rank,
              const at::TensorOptions& options = {});

  // New adapters, which change nothing yet: A uniform within 1/sqrt(width), B zero.
  void Start(at::Generator random);

  const std::shared_ptr<BlockAdapters>& block(size_t i) const { return blocks_[i]; }

 private:
  std::vector<std::shared_ptr<BlockAdapters>> blocks_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SD35_ATTENTION_ADAPTERS_H_
