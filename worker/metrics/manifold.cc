#include "worker/metrics/manifold.h"

#include <stdexcept>

namespace alignflow {
namespace {

// Exact differences: the expansion by inner products would not find a copy at distance 0.
at::Tensor Distances(const at::Tensor& a, const at::Tensor& b) {
  return at::cdist(a, b, 2, /*compute_mode=*/2);
}

// Distance of each member to its k-th nearest other member. [N]
at::Tensor Radii(const at::Tensor& x, int64_t k) {
  return std::get<0>(at::kthvalue(Distances(x, x), k + 1, 1));  // the nearest one is itself
}

}  // namespace

ManifoldFigures CompareManifolds(const at::Tensor& generated, const at::Tensor& real, int64_t k) {
  if (generated.size(0) <= k || real.size(0) <= k) {
    throw std::invalid_argument("precision and recall need more images than neighbours");
  }
  const at::Tensor x = generated.to(at::kDouble), y = real.to(at::kDouble);
  const at::Tensor distance = Distances(x, y);  // [N,M]
  const at::Tensor in_real = distance.le(Radii(y, k).unsqueeze(0)).to(at::kDouble);
  const at::Tensor in_generated = distance.le(Radii(x, k).unsqueeze(1)).to(at::kDouble);
  return {.precision = in_real.amax(1),
          .recall = in_generated.amax(0),
          .density = in_real.sum(1) / static_cast<double>(k),
          .coverage = in_real.amax(0)};
}

}  // namespace alignflow
