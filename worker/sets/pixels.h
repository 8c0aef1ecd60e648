#ifndef ALIGNFLOW_WORKER_SETS_PIXELS_H_
#define ALIGNFLOW_WORKER_SETS_PIXELS_H_

#include <ATen/ATen.h>

#include <opencv2/core/mat.hpp>

#include "common/data/label_table.h"
#include "worker/framing/view_finder.h"
#include "worker/sets/image_set.h"

// Between OpenCV's pictures and tensors of bytes. All copy.
namespace alignflow {

at::Tensor TensorOfImage(const cv::Mat& bgr);    // 8 bits; to uint8 [3,H,W] RGB
cv::Mat ImageOfTensor(const at::Tensor& rgb);    // uint8 [3,H,W] RGB; to BGR, 8 bits
at::Tensor TensorOfMask(const cv::Mat& mask);    // 8 bits, one channel; to uint8 [H,W]
cv::Mat MaskOfTensor(const at::Tensor& classes,  // uint8 [H,W] classes; to grey values
                     const LabelTable& labels);

// The view that a row of a set tells of (ViewRows::Row).
View ViewOfRow(const ViewRows& row);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_SETS_PIXELS_H_
