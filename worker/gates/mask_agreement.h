#ifndef ALIGNFLOW_WORKER_GATES_MASK_AGREEMENT_H_
#define ALIGNFLOW_WORKER_GATES_MASK_AGREEMENT_H_

#include <ATen/ATen.h>

#include <cstdint>

namespace alignflow {

// How well what was seen covers what was asked for, per image and class but the background.
struct ClassOverlap {
  at::Tensor dice;  // [B,K-1] double in [0,1], 2 |A n B| / (|A| + |B|); NaN where the class is in
                    // neither
  at::Tensor iou;   // the same for |A n B| / |A u B|
};

// seen, asked: uint8 [B,H,W] or [B,D,H,W] classes below `classes`, K. Throws std::invalid_argument
// for other shapes.
ClassOverlap OverlapOf(const at::Tensor& seen, const at::Tensor& asked, int64_t classes);

// The mask agreement of images: the mean Dice of the classes, but the background, that the asked
// mask holds. What else the segmenter sees lowers it only where it covers them, because source
// images may show more than their masks tell. For a mask of nothing but background: the Dice of the
// background. Returns double [B] in [0,1].
at::Tensor MaskAgreement(const at::Tensor& seen, const at::Tensor& asked, int64_t classes);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_GATES_MASK_AGREEMENT_H_
