#include "worker/volumes/volume.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace alignflow {

bool IsSameGrid(const VolumeGrid& a, const VolumeGrid& b) {
  if (a.size != b.size) return false;
  const std::array<double, 3> spacing = a.Spacing();
  const double near = 0.01 * *std::ranges::min_element(spacing);
  for (int row = 0; row < 3; ++row) {
    double apart = std::abs(a.affine[4 * row + 3] - b.affine[4 * row + 3]);
    for (int axis = 0; axis < 3; ++axis) {
      // Steps add up to the far end.
      apart += std::abs(a.affine[4 * row + axis] - b.affine[4 * row + axis]) *
               static_cast<double>(a.size[axis]);
    }
    if (apart > near + 1e-3) return false;
  }
  return true;
}

}  // namespace alignflow
