#ifndef ALIGNFLOW_WORKER_METRICS_MANIFOLD_H_
#define ALIGNFLOW_WORKER_METRICS_MANIFOLD_H_

#include <ATen/ATen.h>

#include <cstdint>

namespace alignflow {

// How far generated images lie where real ones do, and reach everywhere real ones are. A set's
// manifold is the union of balls around its members that reach to their k-th nearest neighbour.
// Double precision, thread-safe.
//   precision, recall: Kynkaanniemi et al. 2019 (arXiv:1904.06991, eq. 1 and 2)
//   density, coverage: Naeem et al. 2020 (arXiv:2002.09797, eq. 3 and 4)
// Each is the mean of what every generated or every real image says by itself.
struct ManifoldFigures {
  at::Tensor precision;  // [N] of 0 or 1: the generated image is in the real manifold
  at::Tensor recall;     // [M] of 0 or 1: the real image is in the generated manifold
  at::Tensor density;    // [N]: in how many real balls it is, over k; may exceed 1
  at::Tensor coverage;   // [M] of 0 or 1: the real image's ball holds a generated image
};

// generated: [N,d], real: [M,d]. Throws std::invalid_argument unless both have more than k members.
ManifoldFigures CompareManifolds(const at::Tensor& generated, const at::Tensor& real,
                                 int64_t k = 5);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_METRICS_MANIFOLD_H_
