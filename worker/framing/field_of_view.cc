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

}  // namespace alignflow
