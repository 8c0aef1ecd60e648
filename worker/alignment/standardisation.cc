#include "worker/alignment/standardisation.h"

#include <ATen/core/grad_mode.h>

#include <stdexcept>
#include <utility>

namespace alignflow {

Standardisation::Standardisation(int64_t width)
    : Standardisation(at::zeros({width}), at::ones({width})) {}

Standardisation::Standardisation(at::Tensor mean, at::Tensor deviation)
    : mean_(std::move(mean)), deviation_(std::move(deviation)) {
  if (mean_.dim() != 1 || deviation_.sizes() != mean_.sizes()) {
    throw std::invalid_argument("features have one mean and one deviation each");
  }
}

void Standardisation::Fit(const at::Tensor& raw) {
  if (raw.size(0) < 2) throw std::invalid_argument("fitting features needs at least 2 images");
  const at::NoGradGuard no_grad;
  const at::Tensor wide = raw.to(at::kDouble);  // so that sums do not tell in which order they are
  mean_ = wide.mean(0).to(at::kFloat);
  deviation_ = wide.std(0).clamp_min(1e-3).to(at::kFloat);
}

at::Tensor Standardisation::Apply(const at::Tensor& raw) const {
  const at::Tensor z = (raw - mean_) / deviation_;
  const at::Tensor norm2 = z.square().sum(1, /*keepdim=*/true);
  return z * (1 + norm2 / (4.0 * static_cast<double>(width()))).rsqrt();
}

}  // namespace alignflow
