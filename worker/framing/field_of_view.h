#ifndef ALIGNFLOW_WORKER_FRAMING_FIELD_OF_VIEW_H_
#define ALIGNFLOW_WORKER_FRAMING_FIELD_OF_VIEW_H_

#include <ATen/ATen.h>

namespace alignflow {

// For images that networks make and learn from, which are views already (view_finder.h finds those
// of pictures): how much each pixel belongs to the field of view rather than to the black around
// it, in [0,1]: half where the mean of its neighbourhood of 3^dims pixels and all channels is 14 %
// of white. image: [B,C,H,W] or [B,C,D,H,W] in [-1,1]; returns [B,1,...]. Differentiable.
at::Tensor FieldOfView(const at::Tensor& image);

// The mean of each pixel's neighbourhood of 3^dims pixels and all channels, [B,1,...] in [-1,1]:
// what FieldOfView goes by.
at::Tensor NeighbourhoodLevel(const at::Tensor& image);
// Mean of x [B,C,H,W] within a field of view `weight` [B,1,H,W]: [B,C]. Goes to 0 where there is
// hardly any.
at::Tensor MeanInView(const at::Tensor& x, const at::Tensor& weight);
// The level of half belonging: 14 % of white.
inline constexpr double kLeastLevelInView = -0.72;

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_FRAMING_FIELD_OF_VIEW_H_
