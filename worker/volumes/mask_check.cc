#include "worker/volumes/mask_check.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace alignflow {

absl::Status CheckMask(const Volume& mask, const VolumeGrid* image) {
  if (image != nullptr && mask.grid.size != image->size) {
    const auto text = [](const VolumeGrid& grid) {
      return absl::StrCat(grid.size[0], "x", grid.size[1], "x", grid.size[2]);
    };
    return absl::InvalidArgumentError(absl::StrCat(
        "the mask has ", text(mask.grid), " voxels, its volume ", text(*image),
        "; both must have the same grid: resample the mask to its volume's (nearest neighbour)"));
  }
  if (image != nullptr && !IsSameGrid(mask.grid, *image)) {
    return absl::InvalidArgumentError(
        "the mask lies elsewhere in space than its volume (another affine); resample the mask to "
        "its volume's grid (nearest neighbour), or copy the volume's affine if only the header "
        "is wrong");
  }
  const auto bad = std::ranges::count_if(mask.voxels, [](float value) {
    return value < 0 || value > 255 || value != std::floor(value);
  });
  if (bad == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(bad,
                   " of the mask's voxels are no whole numbers from 0 to 255; store labels "
                   "as such (probabilities must be decided first)"));
}

}  // namespace alignflow
