#ifndef ALIGNFLOW_WORKER_MASKS_MASK_FLOW_H_
#define ALIGNFLOW_WORKER_MASKS_MASK_FLOW_H_

#include <ATen/ATen.h>

#include "worker/models/unet_backbone.h"

namespace alignflow {

// The mask model of the U-Net presets: MOTFM's U-Net without a ControlNet, an unconditional flow on
// masks as one plane per class in [-1,1], which its SpaceToDepth codec brings to a latent of 16 x
// 16 whatever the mask's size. image_size must be a multiple of 64. Throws std::invalid_argument.
UNetBackboneConfig MaskFlowConfig(int64_t image_size, int64_t classes);

// Classes uint8 [B,S,S] to planes float [B,K,S,S]: 1 where a pixel is of the class, -1 elsewhere.
at::Tensor PlanesOfClasses(const at::Tensor& classes, int64_t count);

// The nearest legal class of every pixel: uint8 [B,S,S] on the CPU. Of all corners of the planes'
// cube that are a class, that of the greatest plane is the nearest.
at::Tensor ClassesOfPlanes(const at::Tensor& planes);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MASKS_MASK_FLOW_H_
