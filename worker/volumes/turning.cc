#include "worker/volumes/turning.h"

#include <algorithm>
#include <cmath>

namespace alignflow {

Turning TurningOf(const VolumeGrid& grid) {
  const std::array<double, 3> spacing = grid.Spacing();
  std::array<int, 3> order{0, 1, 2};
  Turning best;
  double greatest = -1;
  do {
    double sum = 0;
    for (int row = 0; row < 3; ++row) {
      sum += std::abs(grid.affine[4 * row + order[row]]) / spacing[order[row]];
    }
    if (sum > greatest + 1e-9) {
      greatest = sum;
      best.from = order;
    }
  } while (std::ranges::next_permutation(order).found);
  for (int row = 0; row < 3; ++row) {
    best.mirrored[row] = grid.affine[4 * row + best.from[row]] < 0;
  }
  return best;
}

VolumeGrid Turned(const VolumeGrid& grid, const Turning& turning) {
  VolumeGrid turned;
  for (int row = 0; row < 3; ++row) turned.affine[4 * row + 3] = grid.affine[4 * row + 3];
  for (int axis = 0; axis < 3; ++axis) {
    const int from = turning.from[axis];
    turned.size[axis] = grid.size[from];
    const double sign = turning.mirrored[axis] ? -1 : 1;
    for (int row = 0; row < 3; ++row) {
      const double step = grid.affine[4 * row + from];
      turned.affine[4 * row + axis] = sign * step;
      if (sign < 0) {
        turned.affine[4 * row + 3] += step * static_cast<double>(grid.size[from] - 1);
      }
    }
  }
  return turned;
}

TurnedPlaces::TurnedPlaces(const VolumeGrid& grid, const VolumeGrid& turned, const Turning& turning)
    : size_(grid.size) {
  const std::array<int64_t, 3> stride{1, turned.size[0], turned.size[0] * turned.size[1]};
  for (int axis = 0; axis < 3; ++axis) {
    const int from = turning.from[axis];
    step_[from] = turning.mirrored[axis] ? -stride[axis] : stride[axis];
    if (turning.mirrored[axis]) place_ += stride[axis] * (turned.size[axis] - 1);
  }
}

}  // namespace alignflow
