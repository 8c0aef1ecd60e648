#include "worker/framing/field_of_view.h"

namespace alignflow {

at::Tensor NeighbourhoodLevel(const at::Tensor& image) {
  const at::Tensor level = image.mean(1, /*keepdim=*/true);
  return image.dim() == 5
             ? at::avg_pool3d(level, 3, 1, 1, /*ceil_mode=*/false, /*count_include_pad=*/false)
             : at::avg_pool2d(level, 3, 1, 1, /*ceil_mode=*/false, /*count_include_pad=*/false);
}

at::Tensor FieldOfView(const at::Tensor& image) {
  return ((NeighbourhoodLevel(image) - kLeastLevelInView) / 0.06).sigmoid();
}

at::Tensor MeanInView(const at::Tensor& x, const at::Tensor& weight) {
  constexpr double kLeastShare = 1e-2;  // of the picture
  const double floor = kLeastShare * static_cast<double>(weight.size(2) * weight.size(3));
  return (x * weight).sum({2, 3}) / (weight.sum({2, 3}) + floor);
}

}  // namespace alignflow
