#include "worker/volumes/grid_drawing.h"

#include <cmath>
#include <opencv2/core.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace alignflow {

VoxelFinder::VoxelFinder(const VolumeGrid& grid) {
  cv::Matx33d axes;
  for (int row = 0; row < 3; ++row) {
    for (int axis = 0; axis < 3; ++axis) axes(row, axis) = grid.affine[4 * row + axis];
    origin_[row] = grid.affine[4 * row + 3];
  }
  const cv::Matx33d inverse = axes.inv();
  for (int i = 0; i < 9; ++i) inverse_[i] = inverse.val[i];
}

bool VoxelFinder::Find(const std::array<double, 3>& place, double most, Voxel& voxel) const {
  return FindStep({place[0] - origin_[0], place[1] - origin_[1], place[2] - origin_[2]}, most,
                  voxel);
}

bool VoxelFinder::FindStep(const std::array<double, 3>& step, double most, Voxel& voxel) const {
  constexpr double kBeyond = 1e9;  // of any voxel, and within what a whole number holds
  for (size_t axis = 0; axis < 3; ++axis) {
    const double* row = &inverse_[3 * axis];
    const double at = row[0] * step[0] + row[1] * step[1] + row[2] * step[2];
    if (!(std::abs(at) < kBeyond)) return false;
    voxel[axis] = std::llround(at);
    if (std::abs(at - static_cast<double>(voxel[axis])) > most) return false;
  }
  return true;
}

GridDrawing::GridDrawing(const VolumeGrid& grid)
    : mask_{.grid = grid, .voxels = std::vector<float>(grid.voxels())} {}

void GridDrawing::Set(const Voxel& at, float value) {
  const std::array<int64_t, 3>& size = mask_.grid.size;
  for (size_t axis = 0; axis < 3; ++axis) {
    if (at[axis] < 0 || at[axis] >= size[axis]) {
      ++outside_;
      return;
    }
  }
  float& voxel = mask_.voxels[(at[2] * size[1] + at[1]) * size[0] + at[0]];
  overlapping_ += voxel != 0 && voxel != value ? 1 : 0;
  voxel = value;
}

absl::StatusOr<Volume> GridDrawing::Take() {
  if (outside_ > 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(outside_,
                     " of the segmentation's voxels lie outside of its volume; give the images it "
                     "was drawn on, all of their slices"));
  }
  if (overlapping_ > 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(overlapping_,
                     " voxels are of several segments, and a mask has one label for each; take "
                     "each voxel from all segments but one, or export it as a label map"));
  }
  return std::move(mask_);
}

}  // namespace alignflow
