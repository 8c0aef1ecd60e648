#include "worker/models/sd35/transformer_block.h"

#include <ATen/ATen.h>

#include "worker/models/recompute.h"
#include "worker/models/sd35/attention_adapters.h"

namespace alignflow {
namespace {

at::Tensor Normalize(const at::Tensor& x) {
  return at::layer_norm(x, {x.size(-1)}, {}, {}, /*eps=*/1e-6);
}

at::Tensor Apply(const at::Tensor& normalized, const at::Tensor& shift, const at::Tensor& scale) {
  return at::addcmul(shift, normalized, scale + 1);
}

}  // namespace

Modulation::Modulation(int64_t width, int64_t count, const at::TensorOptions& options)
    : count_(count) {
  linear_ = register_module(
      "linear", std::make_shared<hf::Linear>(width, count * width, /*bias=*/true, options));
}

std::vector<at::Tensor> Modulation::Forward(const at::Tensor& embedding) const {
  return linear_->Forward(embedding).unsqueeze(1).chunk(count_, 2);
}

at::Tensor Modulate(const at::Tensor& x, const at::Tensor& shift, const at::Tensor& scale) {
  return Apply(Normalize(x), shift, scale);
}

GeluMlp::GeluMlp(int64_t width, const at::TensorOptions& options) {
  // The reference's ModuleList(GELU with a projection, Dropout, Linear).
  auto net = register_module("net", std::make_shared<torch::nn::Module>());
  in_ =
      net->register_module("0", std::make_shared<torch::nn::Module>())
          ->register_module("proj", std::make_shared<hf::Linear>(width, 4 * width, true, options));
  out_ = net->register_module("2", std::make_shared<hf::Linear>(4 * width, width, true, options));
}

at::Tensor GeluMlp::Forward(const at::Tensor& x) const {
  return out_->Forward(at::gelu(in_->Forward(x), "tanh"));
}

JointBlock::JointBlock(const SD3TransformerConfig& config, bool dual, bool text_ends,
                       const at::TensorOptions& options)
    : text_ends_(text_ends) {
  const int64_t width = config.Width();
  const auto attention = [&](ContextUse use) {
    return std::make_shared<JointAttention>(
        JointAttentionOptions{.heads = config.num_attention_heads,
                              .head_width = config.attention_head_dim,
                              .rms_qk_norm = config.rms_qk_norm,
                              .context = use},
        options);
  };
  norm1_ = register_module("norm1", std::make_shared<Modulation>(width, dual ? 9 : 6, options));
  norm1_context_ = register_module("norm1_context",
                                   std::make_shared<Modulation>(width, text_ends ? 2 : 6, options));
  attn_ = register_module("attn", attention(text_ends ? ContextUse::kRead : ContextUse::kUpdate));
  if (dual) attn2_ = register_module("attn2", attention(ContextUse::kNone));
  ff_ = register_module("ff", std::make_shared<GeluMlp>(width, options));
  if (!text_ends) {
    ff_context_ = register_module("ff_context", std::make_shared<GeluMlp>(width, options));
  }
}

JointTokens JointBlock::Forward(const JointTokens& tokens, const at::Tensor& embedding,
                                const BlockAdapters* adapters) const {
  // Shift, scale and gate of the attention, the same of the MLP, and of the second attention.
  const std::vector<at::Tensor> image = norm1_->Forward(embedding);
  // The same for the text; where it ends, scale and shift alone, in this order.
  const std::vector<at::Tensor> text = norm1_context_->Forward(embedding);
  const at::Tensor normalized = Normalize(tokens.image);
  const JointTokens attended =
      attn_->Forward({Apply(normalized, image[0], image[1]),
                      Modulate(tokens.context, text[text_ends_ ? 1 : 0], text[text_ends_ ? 0 : 1])},
                     adapters ? &adapters->attn() : nullptr);

  JointTokens out;
  out.image = at::addcmul(tokens.image, image[2], attended.image);
  if (attn2_) {
    const JointTokens second = attn2_->Forward({Apply(normalized, image[6], image[7]), {}},
                                               adapters ? &adapters->attn2() : nullptr);
    out.image = at::addcmul(out.image, image[8], second.image);
  }
  out.image =
      at::addcmul(out.image, image[5], ff_->Forward(Modulate(out.image, image[3], image[4])));
  if (text_ends_) return out;
  out.context = at::addcmul(tokens.context, text[2], attended.context);
  out.context = at::addcmul(out.context, text[5],
                            ff_context_->Forward(Modulate(out.context, text[3], text[4])));
  return out;
}

JointTokens RecomputedForward(const std::shared_ptr<const JointBlock>& block,
                              const JointTokens& tokens, const at::Tensor& embedding,
                              const std::shared_ptr<const BlockAdapters>& adapters) {
  const TensorFunction forward = [block, adapters](const std::vector<at::Tensor>& inputs) {
    const JointTokens out = block->Forward({inputs[0], inputs[1]}, inputs[2], adapters.get());
    return block->text_ends() ? std::vector<at::Tensor>{out.image}
                              : std::vector<at::Tensor>{out.image, out.context};
  };
  const std::vector<at::Tensor> out = Recompute(forward, {tokens.image, tokens.context, embedding});
  return {out[0], block->text_ends() ? at::Tensor() : out[1]};
}

}  // namespace alignflow
