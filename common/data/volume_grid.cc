#include "common/data/volume_grid.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace alignflow {
namespace {

absl::Status RefuseGrid(const std::string& reason, const std::string& remedy) {
  return absl::InvalidArgumentError(absl::StrCat(reason, "; ", remedy));
}

absl::Status DamagedGrid(const std::string& reason) {
  return RefuseGrid(reason, "copy the file again from where it came from, or export it again");
}

double Determinant(const std::array<double, 12>& a) {
  return a[0] * (a[5] * a[10] - a[6] * a[9]) - a[1] * (a[4] * a[10] - a[6] * a[8]) +
         a[2] * (a[4] * a[9] - a[5] * a[8]);
}

}  // namespace

std::array<double, 3> VolumeGrid::Spacing() const {
  std::array<double, 3> spacing{};
  for (int i = 0; i < 3; ++i) {
    spacing[i] = std::hypot(affine[i], affine[4 + i], affine[8 + i]);
  }
  return spacing;
}

absl::Status CheckVolumeSize(const std::array<int64_t, 3>& size) {
  for (const int64_t side : size) {
    if (side < 1) return DamagedGrid(absl::StrCat("the header says a side of ", side, " voxels"));
  }
  const std::string text = absl::StrCat(size[0], "x", size[1], "x", size[2]);
  const int64_t most = std::max({size[0], size[1], size[2]});
  if (most > kMaxVolumeSide || size[0] * size[1] > kMaxVolumeVoxels / size[2]) {
    return RefuseGrid(
        absl::StrFormat(
            "the header says %s voxels; at most %d million with sides up to %d are read", text,
            kMaxVolumeVoxels >> 20, kMaxVolumeSide),
        "resample the volume, or cut it into parts");
  }
  if (std::min({size[0], size[1], size[2]}) < 2) {
    return RefuseGrid(absl::StrCat("it has ", text, " voxels: a picture, not a volume"),
                      "export pictures as PNG");
  }
  return absl::OkStatus();
}

absl::Status CheckVolumeAffine(const VolumeGrid& grid) {
  if (!std::ranges::all_of(grid.affine, [](double value) { return std::isfinite(value); })) {
    return DamagedGrid("the header's affine holds values that are no numbers");
  }
  double box = 1;
  for (const double spacing : grid.Spacing()) {
    // Of a micrometre to ten metres: others are no patient's.
    if (!(spacing >= 1e-6 && spacing <= 1e4)) {
      return RefuseGrid(absl::StrFormat("the header says a spacing of %g mm", spacing),
                        "set the true spacing in its header");
    }
    box *= spacing;
  }
  if (std::abs(Determinant(grid.affine)) < 1e-3 * box) {
    return RefuseGrid("the header's affine is flat: its axes do not span space",
                      "set the volume's true orientation in its header");
  }
  return absl::OkStatus();
}

}  // namespace alignflow
