#include "worker/metrics/distribution.h"

#include <algorithm>
#include <stdexcept>

#include "worker/alignment/mmd.h"

namespace alignflow {
namespace {

void NeedTwo(const at::Tensor& x) {
  if (x.size(0) < 2) throw std::invalid_argument("the figure needs at least 2 images");
}

// Rows whose Gram matrix is the covariance.
at::Tensor Spread(const at::Tensor& x) {
  return (x - x.mean(0)) / std::sqrt(static_cast<double>(x.size(0) - 1));
}

// tr (C_a C_b)^(1/2) with C_a = a^T a and C_b = b^T b.
double TraceOfRoot(const at::Tensor& a, const at::Tensor& b) {
  // The sum of the singular values of a b^T, which is small where there are few images ...
  if (std::min(a.size(0), b.size(0)) <= a.size(1)) {
    return at::linalg_svdvals(at::mm(a, b.t())).sum().item<double>();
  }
  // ... and tr (A^(1/2) B A^(1/2))^(1/2), which is small where there are few features.
  const auto [values, vectors] = at::linalg_eigh(at::mm(a.t(), a));
  const at::Tensor root = at::mm(vectors * values.clamp_min(0).sqrt(), vectors.t());
  const at::Tensor half = at::mm(b, root);
  return at::linalg_eigvalsh(at::mm(half.t(), half)).clamp_min(0).sqrt().sum().item<double>();
}

}  // namespace

double Mmd(const at::Tensor& x, const at::Tensor& y) {
  return UnbiasedMmd(x.to(at::kDouble), y.to(at::kDouble)).item<double>();
}

double FrechetDistance(const at::Tensor& x, const at::Tensor& y) {
  NeedTwo(x);
  NeedTwo(y);
  const at::Tensor a = x.to(at::kDouble), b = y.to(at::kDouble);
  const at::Tensor spread_a = Spread(a), spread_b = Spread(b);
  const at::Tensor own =
      (a.mean(0) - b.mean(0)).square().sum() + spread_a.square().sum() + spread_b.square().sum();
  return own.item<double>() - 2 * TraceOfRoot(spread_a, spread_b);
}

double MeanPairwiseDistance(const at::Tensor& x) {
  NeedTwo(x);
  return at::pdist(x.to(at::kDouble)).mean().item<double>();
}

double VendiScore(const at::Tensor& x) {
  if (x.size(0) < 1) throw std::invalid_argument("the figure needs at least 1 image");
  const at::Tensor wide = x.to(at::kDouble);
  const at::Tensor unit = wide / at::linalg_vector_norm(wide, 2, 1, true).clamp_min(1e-12);
  // The eigenvalues other than 0 are the same either way round.
  const at::Tensor gram =
      unit.size(0) <= unit.size(1) ? at::mm(unit, unit.t()) : at::mm(unit.t(), unit);
  const at::Tensor share =
      at::linalg_eigvalsh(gram / static_cast<double>(x.size(0))).clamp_min(1e-300);
  return std::exp(-(share * share.log()).sum().item<double>());
}

at::Tensor Roughness(const at::Tensor& images) {
  const at::Tensor luma = images.to(at::kDouble).mean(1);
  const at::Tensor rows = luma.slice(1, 0, at::nullopt, 2) - luma.slice(1, 1, at::nullopt, 2);
  const at::Tensor detail = rows.slice(2, 0, at::nullopt, 2) - rows.slice(2, 1, at::nullopt, 2);
  return (detail / 2).square().mean({1, 2});
}

}  // namespace alignflow
