#include "worker/models/fused_linear.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

namespace alignflow {

FusedLinear::FusedLinear(torch::nn::Module& owner, const std::vector<Part>& parts, int64_t in,
                         int64_t out, const at::TensorOptions& options) {
  const int64_t count = static_cast<int64_t>(parts.size());
  weight_ = at::empty({count * out, in}, options);
  if (std::any_of(parts.begin(), parts.end(), [](const Part& part) { return part.bias; })) {
    bias_ = at::zeros({count * out}, options);
  }
  // variable_data: the same memory, but no view in autograd's eyes, so that a part can be trained.
  const auto slice = [out](const at::Tensor& whole, int64_t i) {
    return whole.narrow(0, i * out, out).variable_data();
  };
  for (int64_t i = 0; i < count; ++i) {
    auto layer = owner.register_module(parts[i].name, std::make_shared<torch::nn::Module>());
    weights_.push_back(layer->register_parameter("weight", slice(weight_, i)));
    biases_.push_back(parts[i].bias ? layer->register_parameter("bias", slice(bias_, i))
                                    : at::Tensor());
  }
}

bool FusedLinear::IsJoined(const std::vector<at::Tensor>& parts, const at::Tensor& whole) const {
  return std::all_of(parts.begin(), parts.end(), [&whole](const at::Tensor& part) {
    return !part.defined() ||
           (part.is_alias_of(whole) && !(at::GradMode::is_enabled() && part.requires_grad()));
  });
}

at::Tensor FusedLinear::Forward(const at::Tensor& x) const {
  const at::Tensor weight = IsJoined(weights_, weight_) ? weight_ : at::cat(weights_);
  if (!bias_.defined() || IsJoined(biases_, bias_)) {
    return at::linear(x, weight, bias_);
  }
  std::vector<at::Tensor> biases = biases_;
  for (at::Tensor& bias : biases) {
    if (!bias.defined()) bias = at::zeros({weights_[0].size(0)}, weight.options());
  }
  return at::linear(x, weight, at::cat(biases));
}

}  // namespace alignflow
