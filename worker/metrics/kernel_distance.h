#ifndef ALIGNFLOW_WORKER_METRICS_KERNEL_DISTANCE_H_
#define ALIGNFLOW_WORKER_METRICS_KERNEL_DISTANCE_H_

#include <ATen/ATen.h>

#include <cstdint>

namespace alignflow {

// The unbiased squared maximum mean discrepancy of two sets of features and of parts of them, from
// kernels that are computed once: with the kernel (<a,b>/d + 1)^3 the figure that is called KID on
// Inception's features (Binkowski et al. 2018, arXiv:1801.01401, eq. 4) and KD on others'. Double
// precision. Immutable once made, so thread-safe.
class KernelDistance {
 public:
  // x: [N,d], y: [M,d]; N >= 2, M >= 1. Throws std::invalid_argument.
  KernelDistance(const at::Tensor& x, const at::Tensor& y);

  // Of the sets as they are.
  double Value() const;
  // [R]: of R selections, where counts_x [R,N] and counts_y [R,M] say how often each member was
  // chosen. A member is never compared with itself, so that a bootstrap has no bias.
  at::Tensor Values(const at::Tensor& counts_x, const at::Tensor& counts_y) const;

  struct Spread {
    double mean = 0;
    double deviation = 0;  // of the subsets' values, as torch-fidelity gives it
  };
  // Over `subsets` random subsets of `size` images of each set, drawn without replacement.
  Spread OverSubsets(int64_t subsets, int64_t size, at::Generator generator) const;

  int64_t size_x() const { return xx_.size(0); }
  int64_t size_y() const { return yy_.size(0); }

 private:
  at::Tensor xx_, xy_, yy_;
};

// How often a random division of the images of both sets into sets of these sizes differs as much
// as these do, by the figure above: a p-value of the hypothesis that both come from one
// distribution (Gretton et al. 2012, Journal of Machine Learning Research 13).
double SameDistributionPValue(const at::Tensor& x, const at::Tensor& y, int64_t permutations,
                              at::Generator generator);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_METRICS_KERNEL_DISTANCE_H_
