#ifndef ALIGNFLOW_COMMON_DATA_VOLUME_GRID_H_
#define ALIGNFLOW_COMMON_DATA_VOLUME_GRID_H_

#include <array>
#include <cstdint>

#include "absl/status/status.h"

namespace alignflow {

// A volume's grid. The affine takes voxel numbers (i, j, k) to millimetres: its rows are x (to the
// patient's right), y (to the front) and z (up), its columns those of i, j, k and the place of
// voxel 0.
struct VolumeGrid {
  std::array<int64_t, 3> size{};
  std::array<double, 12> affine{};
  bool operator==(const VolumeGrid&) const = default;

  int64_t voxels() const { return size[0] * size[1] * size[2]; }
  // Millimetres between neighbouring voxels along i, j and k.
  std::array<double, 3> Spacing() const;
};

// Limits: a volume beyond them is a mistake or a decompression bomb.
inline constexpr int64_t kMaxVolumeSide = 4096;
inline constexpr int64_t kMaxVolumeVoxels = int64_t{256} << 20;

// Refused, whatever file a grid was read from: sides below 2 or beyond the limits; an affine that
// is no numbers or not invertible; spacing that is not of a patient. InvalidArgument, "REASON;
// REMEDY".
absl::Status CheckVolumeSize(const std::array<int64_t, 3>& size);
absl::Status CheckVolumeAffine(const VolumeGrid& grid);

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_DATA_VOLUME_GRID_H_
