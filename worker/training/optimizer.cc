#include "worker/training/optimizer.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace alignflow {
namespace {

constexpr double kFinalRate = 0.05;  // of the peak
constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.99;
constexpr double kEpsilon = 1e-8;
constexpr double kWeightDecay = 0.01;
constexpr double kGradientNorm = 1.0;

// The gradient in the parameter's own strides, as the fused update reads both by address.
at::Tensor GradientOf(const at::Tensor& parameter) {
  const at::Tensor& gradient = parameter.grad();
  if (!gradient.defined()) return at::zeros_like(parameter);
  if (gradient.strides() == parameter.strides()) return gradient;
  return at::empty_like(parameter).copy_(gradient);
}

std::vector<at::Tensor> At(const std::vector<at::Tensor>& tensors,
                           const std::vector<size_t>& indices) {
  std::vector<at::Tensor> chosen;
  for (const size_t i : indices) chosen.push_back(tensors[i]);
  return chosen;
}

}  // namespace

double LearningRate(int64_t step, int64_t total, int64_t warm_up, double peak) {
  if (step < warm_up) return peak * static_cast<double>(step + 1) / static_cast<double>(warm_up);
  const double done = static_cast<double>(step - warm_up) /
                      static_cast<double>(std::max<int64_t>(1, total - warm_up));
  return peak * (kFinalRate + (1 - kFinalRate) * 0.5 * (1 + std::cos(M_PI * done)));
}

AdamW::AdamW(std::vector<at::Tensor> parameters, const std::vector<double>& rate_scales)
    : parameters_(std::move(parameters)) {
  if (!rate_scales.empty() && rate_scales.size() != parameters_.size()) {
    throw std::invalid_argument("AdamW needs as many scales of the rate as parameters");
  }
  for (size_t i = 0; i < parameters_.size(); ++i) {
    first_.push_back(at::zeros_like(parameters_[i].detach()));
    second_.push_back(at::zeros_like(parameters_[i].detach()));
    by_scale_[rate_scales.empty() ? 1 : rate_scales[i]].push_back(i);
  }
}

void AdamW::Step(double learning_rate) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> gradients;
  for (const at::Tensor& parameter : parameters_) gradients.push_back(GradientOf(parameter));
  const at::Tensor norm = at::stack(at::_foreach_norm(gradients)).norm();
  at::_foreach_mul_(gradients, (kGradientNorm / (norm + 1e-6)).clamp_max(1));
  ++steps_;
  const at::Tensor step = at::full({}, static_cast<double>(steps_), norm.options());
  for (const auto& [scale, indices] : by_scale_) {
    at::_fused_adamw_(At(parameters_, indices), At(gradients, indices), At(first_, indices),
                      At(second_, indices), {}, std::vector<at::Tensor>(indices.size(), step),
                      scale * learning_rate, kBeta1, kBeta2, kWeightDecay, kEpsilon,
                      /*amsgrad=*/false, /*maximize=*/false);
  }
  for (at::Tensor& parameter : parameters_) parameter.mutable_grad().reset();
}

}  // namespace alignflow
