#ifndef ALIGNFLOW_WORKER_ALIGNMENT_SKL_H_
#define ALIGNFLOW_WORKER_ALIGNMENT_SKL_H_

#include <ATen/ATen.h>

namespace alignflow {

// The symmetric Kullback-Leibler divergence of mean features (the paper's AlignFlow(SKL)): with
// P = softmax(mean_i x_i) and Q = softmax(mean_j y_j),
//   (KL(P||Q) + KL(Q||P)) / 2 = sum (P - Q)(log P - log Q) / 2.
// x: [M,d], y: [N,d], features of the same extractor. A scalar, at least 0; differentiable. It sees
// the means alone: features may lose all their spread without its noticing. Throws
// std::invalid_argument where one of the sets is empty.
at::Tensor SymmetricKl(const at::Tensor& x, const at::Tensor& y);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_ALIGNMENT_SKL_H_
