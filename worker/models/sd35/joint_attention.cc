#include "worker/models/sd35/joint_attention.h"

#include <ATen/ATen.h>

#include <string>

#include "worker/models/sd35/attention_adapters.h"

namespace alignflow {

// Queries, keys and values of one stream.
class JointAttention::Stream {
 public:
  struct Names {
    const char *query, *key, *value, *query_norm, *key_norm;
  };
  struct Heads {
    at::Tensor query, key, value;  // [B,L,heads,head_width]
  };

  Stream(torch::nn::Module& owner, const Names& names, const JointAttentionOptions& options,
         const at::TensorOptions& tensor_options)
      : heads_(options.heads),
        projection_(owner, {{names.query}, {names.key}, {names.value}},
                    options.heads * options.head_width, options.heads * options.head_width,
                    tensor_options) {
    if (!options.rms_qk_norm) return;
    const auto add_norm = [&](const char* name) {
      return owner.register_module(name, std::make_shared<torch::nn::Module>())
          ->register_parameter("weight", at::empty({options.head_width}, tensor_options));
    };
    query_norm_ = add_norm(names.query_norm);
    key_norm_ = add_norm(names.key_norm);
  }

  // addition: to queries, keys and values side by side; may be undefined.
  Heads Forward(const at::Tensor& x, const at::Tensor& addition) const {
    at::Tensor projected = projection_.Forward(x);
    if (addition.defined()) projected = projected + addition;
    const std::vector<at::Tensor> parts = projected.unflatten(2, {3, heads_, -1}).unbind(2);
    return {Norm(parts[0], query_norm_), Norm(parts[1], key_norm_), parts[2]};
  }

 private:
  static at::Tensor Norm(const at::Tensor& x, const at::Tensor& weight) {
    if (!weight.defined()) return x;
    // Under autocast x has another type than the weights, and there is no kernel for two.
    return at::rms_norm(x, weight.sizes(), weight.to(x.scalar_type()), /*eps=*/1e-6);
  }

  int64_t heads_;
  FusedLinear projection_;
  at::Tensor query_norm_, key_norm_;  // [head_width]
};

JointAttention::JointAttention(const JointAttentionOptions& options,
                               const at::TensorOptions& tensor_options)
    : use_(options.context) {
  const int64_t width = options.heads * options.head_width;
  const auto output = [&] {
    return std::make_shared<hf::Linear>(width, width, /*bias=*/true, tensor_options);
  };
  image_ = std::make_shared<Stream>(
      *this, Stream::Names{"to_q", "to_k", "to_v", "norm_q", "norm_k"}, options, tensor_options);
  // The reference's ModuleList(Linear, Dropout).
  to_out_ = register_module("to_out", std::make_shared<torch::nn::Module>())
                ->register_module("0", output());
  if (use_ == ContextUse::kNone) return;
  context_ = std::make_shared<Stream>(
      *this,
      Stream::Names{"add_q_proj", "add_k_proj", "add_v_proj", "norm_added_q", "norm_added_k"},
      options, tensor_options);
  if (use_ == ContextUse::kUpdate) to_add_out_ = register_module("to_add_out", output());
}

JointTokens JointAttention::Forward(const JointTokens& tokens,
                                    const AttentionAdapters* adapters) const {
  Stream::Heads heads =
      image_->Forward(tokens.image, adapters ? adapters->Image(tokens.image) : at::Tensor());
  if (context_) {
    const Stream::Heads context = context_->Forward(
        tokens.context, adapters ? adapters->Context(tokens.context) : at::Tensor());
    heads = {at::cat({heads.query, context.query}, 1), at::cat({heads.key, context.key}, 1),
             at::cat({heads.value, context.value}, 1)};
  }
  const at::Tensor out =
      at::scaled_dot_product_attention(heads.query.transpose(1, 2), heads.key.transpose(1, 2),
                                       heads.value.transpose(1, 2))
          .transpose(1, 2)
          .flatten(2);
  // Contiguous, so that the linear layers add their bias within the matrix product.
  const auto part = [&out](int64_t start, int64_t length) {
    return out.narrow(1, start, length).contiguous();
  };
  const int64_t length = tokens.image.size(1);
  const at::Tensor image = part(0, length);
  JointTokens result{to_out_->Forward(image), {}};
  if (adapters) result.image = result.image + adapters->ImageOut(image);
  if (!to_add_out_) return result;
  const at::Tensor context = part(length, out.size(1) - length);
  result.context = to_add_out_->Forward(context);
  if (adapters) result.context = result.context + adapters->ContextOut(context);
  return result;
}

}  // namespace alignflow
