#ifndef ALIGNFLOW_WORKER_MODELS_SD35_JOINT_ATTENTION_H_
#define ALIGNFLOW_WORKER_MODELS_SD35_JOINT_ATTENTION_H_

#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "worker/models/fused_linear.h"
#include "worker/models/hf/layers.h"

namespace alignflow {

class AttentionAdapters;

// The two streams of an MM-DiT.
struct JointTokens {
  at::Tensor image;    // [B,L,D]
  at::Tensor context;  // [B,Lc,D]; undefined where only the image is left
};

// How an attention treats the text.
enum class ContextUse {
  kNone,    // attention among the image's tokens alone
  kRead,    // the image's tokens look at the text's; the text ends here
  kUpdate,  // both streams go on
};

struct JointAttentionOptions {
  int64_t heads = 0;
  int64_t head_width = 0;
  bool rms_qk_norm = false;
  ContextUse context = ContextUse::kUpdate;
};

// Attention over image and text tokens as one sequence, each stream with projections of its own
// (Esser et al., arXiv:2403.03206, figure 2b), with the parameter names of diffusers' Attention.
class JointAttention : public torch::nn::Module {
 public:
  JointAttention(const JointAttentionOptions& options, const at::TensorOptions& tensor_options);

  // Returns what is to be added to each stream, context only with kUpdate. tokens.context is
  // ignored with kNone. With adapters, which must be for the same ContextUse, their additions
  // count.
  JointTokens Forward(const JointTokens& tokens, const AttentionAdapters* adapters = nullptr) const;

 private:
  class Stream;

  ContextUse use_;
  std::shared_ptr<Stream> image_;
  std::shared_ptr<Stream> context_;
  std::shared_ptr<hf::Linear> to_out_, to_add_out_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SD35_JOINT_ATTENTION_H_
