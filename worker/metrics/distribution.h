#ifndef ALIGNFLOW_WORKER_METRICS_DISTRIBUTION_H_
#define ALIGNFLOW_WORKER_METRICS_DISTRIBUTION_H_

#include <ATen/ATen.h>

namespace alignflow {

// Figures of sets of features [N,d] and images. All are computed in double precision and are
// thread-safe; they throw std::invalid_argument for sets that are too small.

// The unbiased MMD^2 of worker/alignment/mmd.h. N >= 2 in x, N >= 1 in y.
double Mmd(const at::Tensor& x, const at::Tensor& y);

// Frechet distance of the Gaussians with the sets' means and covariances,
//   |m_x - m_y|^2 + tr(C_x + C_y - 2 (C_x C_y)^(1/2)),
// Heusel et al. 2017 (arXiv:1706.08500, eq. 6). Both sets need at least 2. It is biased upwards
// where there are few images: compare values of like counts only.
double FrechetDistance(const at::Tensor& x, const at::Tensor& y);

// Mean Euclidean distance of two different members. At least 2.
double MeanPairwiseDistance(const at::Tensor& x);

// How many different members the set seems to have, 1 to N: the exponential of the entropy of the
// eigenvalues of K/N, where K holds the members' cosine similarities (Friedman and Dieng 2022,
// arXiv:2210.02410, definition 3.1). At least 1.
double VendiScore(const at::Tensor& x);

// Energy of the finest detail of images [N,3,H,W] in [-1,1], by image: [N] of the mean squares of
// Haar's diagonal wavelet coefficients of the luma. Grain and block edges raise it, blur lowers it.
at::Tensor Roughness(const at::Tensor& images);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_METRICS_DISTRIBUTION_H_
