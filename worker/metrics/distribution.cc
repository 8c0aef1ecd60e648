#include "worker/metrics/distribution.h"

#include <stdexcept>

#include "worker/alignment/mmd.h"

namespace alignflow {
namespace {

void NeedTwo(const at::Tensor& x) {
  if (x.size(0) < 2) throw std::invalid_argument("the figure needs at least 2 images");
}

}  // namespace

double Mmd(const at::Tensor& x, const at::Tensor& y) {
  return UnbiasedMmd(x.to(at::kDouble), y.to(at::kDouble)).item<double>();
}

double FrechetDistance(const at::Tensor& x, const at::Tensor& y) {
  NeedTwo(x);
  NeedTwo(y);
  const at::Tensor a = x.to(at::kDouble), b = y.to(at::kDouble);
  const at::Tensor cov_a = at::cov(a.t()), cov_b = at::cov(b.t());
  // tr (A B)^(1/2) = tr (A^(1/2) B A^(1/2))^(1/2), where the latter is symmetric.
  const auto [values, vectors] = at::linalg_eigh(cov_a);
  const at::Tensor root = at::mm(vectors * values.clamp_min(0).sqrt(), vectors.t());
  const at::Tensor cross = at::linalg_eigvalsh(at::mm(at::mm(root, cov_b), root));
  const at::Tensor distance = (a.mean(0) - b.mean(0)).square().sum() + cov_a.trace() +
                              cov_b.trace() - 2 * cross.clamp_min(0).sqrt().sum();
  return distance.item<double>();
}

double MeanPairwiseDistance(const at::Tensor& x) {
  NeedTwo(x);
  return at::pdist(x.to(at::kDouble)).mean().item<double>();
}

double Roughness(const at::Tensor& images) {
  const at::Tensor luma = images.to(at::kDouble).mean(1);
  const at::Tensor rows = luma.slice(1, 0, at::nullopt, 2) - luma.slice(1, 1, at::nullopt, 2);
  const at::Tensor detail = rows.slice(2, 0, at::nullopt, 2) - rows.slice(2, 1, at::nullopt, 2);
  return (detail / 2).square().mean().item<double>();
}

}  // namespace alignflow
