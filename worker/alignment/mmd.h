#ifndef ALIGNFLOW_WORKER_ALIGNMENT_MMD_H_
#define ALIGNFLOW_WORKER_ALIGNMENT_MMD_H_

#include <ATen/ATen.h>

namespace alignflow {

// k(a,b) = (<a,b>/d + 1)^3 for all pairs of rows. a: [M,d], b: [N,d]; returns [M,N].
at::Tensor PolynomialKernel(const at::Tensor& a, const at::Tensor& b);

// The unbiased estimate of the squared maximum mean discrepancy between the distributions behind
// x: [M,d] and y: [N,d], features of the same extractor:
//   sum_{i!=j} k(x_i,x_j)/(M(M-1)) - 2 sum_ij k(x_i,y_j)/(MN) + sum_{i!=j} k(y_i,y_j)/(N(N-1))
// A scalar; differentiable; may be below zero. With N = 1 the last term, which has no estimate, is
// left out (it does not depend on x). Throws std::invalid_argument for M < 2 and for N = 0.
at::Tensor UnbiasedMmd(const at::Tensor& x, const at::Tensor& y);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_ALIGNMENT_MMD_H_
