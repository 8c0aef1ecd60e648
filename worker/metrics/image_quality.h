#ifndef ALIGNFLOW_WORKER_METRICS_IMAGE_QUALITY_H_
#define ALIGNFLOW_WORKER_METRICS_IMAGE_QUALITY_H_

#include <ATen/ATen.h>

namespace alignflow {

// Likeness of two images, row by row of a, b: uint8 [N,3,H,W]. They return double [N] and are
// thread-safe.

// Structural similarity, -1 to 1 (Wang et al. 2004, eq. 13): a Gaussian window of 11x11 pixels with
// deviation 1.5, C1 = (0.01 * 255)^2, C2 = (0.03 * 255)^2, the mean over what the window fits into
// and over the channels. Throws std::invalid_argument for sides below 11.
at::Tensor StructuralSimilarity(const at::Tensor& a, const at::Tensor& b);

// Peak signal-to-noise ratio in decibel, 10 log10(255^2 / mean square difference); at most 100,
// which is what identical images get.
at::Tensor PeakSignalToNoise(const at::Tensor& a, const at::Tensor& b);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_METRICS_IMAGE_QUALITY_H_
