#include "worker/models/hf/layers.h"

#include <ATen/ATen.h>

#include <stdexcept>
#include <string>

namespace alignflow::hf {

Linear::Linear(int64_t in, int64_t out, bool bias, const at::TensorOptions& options) {
  weight_ = register_parameter("weight", at::empty({out, in}, options));
  if (bias) bias_ = register_parameter("bias", at::empty({out}, options));
}

at::Tensor Linear::Forward(const at::Tensor& x) const { return at::linear(x, weight_, bias_); }

Embedding::Embedding(int64_t rows, int64_t width, const at::TensorOptions& options) {
  weight_ = register_parameter("weight", at::empty({rows, width}, options));
}

at::Tensor Embedding::Forward(const at::Tensor& ids) const {
  if (ids.is_cpu() && ids.numel() > 0) {
    const auto low = ids.min().item<int64_t>(), high = ids.max().item<int64_t>();
    if (low < 0 || high >= weight_.size(0)) {
      throw std::invalid_argument("token id " + std::to_string(low < 0 ? low : high) +
                                  " is outside the vocabulary of " +
                                  std::to_string(weight_.size(0)));
    }
  }
  return at::embedding(weight_, ids);
}

Conv2d::Conv2d(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t padding,
               const at::TensorOptions& options)
    : stride_(stride), padding_(padding) {
  weight_ = register_parameter("weight", at::empty({out, in, kernel, kernel}, options));
  bias_ = register_parameter("bias", at::empty({out}, options));
}

at::Tensor Conv2d::Forward(const at::Tensor& x) const {
  return at::conv2d(x, weight_, bias_, stride_, padding_);
}

LayerNorm::LayerNorm(int64_t width, double eps, const at::TensorOptions& options) : eps_(eps) {
  weight_ = register_parameter("weight", at::empty({width}, options));
  bias_ = register_parameter("bias", at::empty({width}, options));
}

at::Tensor LayerNorm::Forward(const at::Tensor& x) const {
  return at::layer_norm(x, weight_.sizes(), weight_, bias_, eps_);
}

RmsNorm::RmsNorm(int64_t width, double eps, const at::TensorOptions& options) : eps_(eps) {
  weight_ = register_parameter("weight", at::empty({width}, options));
}

at::Tensor RmsNorm::Forward(const at::Tensor& x) const {
  const at::Tensor wide = x.to(at::kFloat);
  const at::Tensor scale = at::rsqrt(wide.square().mean({-1}, /*keepdim=*/true) + eps_);
  return (wide * scale).to(weight_.scalar_type()) * weight_;
}

}  // namespace alignflow::hf
