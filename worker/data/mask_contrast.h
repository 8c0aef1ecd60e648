#ifndef ALIGNFLOW_WORKER_DATA_MASK_CONTRAST_H_
#define ALIGNFLOW_WORKER_DATA_MASK_CONTRAST_H_

#include <opencv2/core/mat.hpp>

namespace alignflow {

// How clearly a structure can be seen where its mask says it is: the separation d' between its
// pixels and those of a ring around it, along the colour direction that separates the two best
// (Fisher's linear discriminant):
//   d'^2 = (m1 - m0)^T ((S1 + S0)/2 + 4 I)^-1 (m1 - m0)
// with means and covariances of BGR (0..255); the 4 I stands for two grey levels of noise. About 0:
// nothing to see; 1: visible; above 2: plain. No training, so it can be asked of generated images.
//
// image: 8-bit BGR; mask: 8-bit, one channel, same size. The structure is where mask == label. The
// ring is what lies within 0.5 times the structure's equivalent radius (at least 3 px) outside of
// it, one pixel of edge left out, and without black pixels (outside of the field of view). Returns
// 0 where structure or ring has fewer than 8 pixels.
double MaskContrast(const cv::Mat& image, const cv::Mat& mask, int label);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DATA_MASK_CONTRAST_H_
