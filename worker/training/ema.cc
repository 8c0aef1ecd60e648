#include "worker/training/ema.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

namespace alignflow {

Ema::Ema(const std::vector<at::Tensor>& parameters, double decay) : decay_(decay) {
  if (decay == 0) return;
  for (const at::Tensor& parameter : parameters) averages_.push_back(parameter.detach().clone());
}

void Ema::Update(const std::vector<at::Tensor>& parameters) {
  const at::NoGradGuard no_grad;
  ++updates_;
  if (averages_.empty()) return;
  const double n = static_cast<double>(updates_);
  const double decay = std::min(decay_, (1 + n) / (10 + n));
  at::_foreach_lerp_(averages_, parameters, 1 - decay);
}

void Ema::CopyTo(const std::vector<at::Tensor>& parameters) const {
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < averages_.size(); ++i) parameters[i].copy_(averages_[i]);
}

}  // namespace alignflow
