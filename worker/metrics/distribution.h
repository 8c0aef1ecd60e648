#ifndef ALIGNFLOW_WORKER_METRICS_DISTRIBUTION_H_
#define ALIGNFLOW_WORKER_METRICS_DISTRIBUTION_H_

#include <ATen/ATen.h>

namespace alignflow {

// Figures of sets of features [N,d] and images. All are computed in double precision and are
// thread-safe.

// The unbiased MMD^2 of worker/alignment/mmd.h. N >= 2 in x, N >= 1 in y.
double Mmd(const at::Tensor& x, const at::Tensor& y);

// Frechet distance of the Gaussians with the sets' means and covariances,
//   |m_x - m_y|^2 + tr(C_x + C_y - 2 (C_x C_y)^(1/2)).
// Both sets need at least 2. It is biased upwards where there are few images: compare values of
// like counts only.
double FrechetDistance(const at::Tensor& x, const at::Tensor& y);

// Mean Euclidean distance of two different members. At least 2.
double MeanPairwiseDistance(const at::Tensor& x);

// Energy of the finest detail of images [N,3,H,W] in [-1,1]: the mean square of Haar's diagonal
// wavelet coefficients of the luma. Grain and block edges raise it, blur lowers it.
double Roughness(const at::Tensor& images);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_METRICS_DISTRIBUTION_H_
