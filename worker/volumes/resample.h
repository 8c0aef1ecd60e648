#ifndef ALIGNFLOW_WORKER_VOLUMES_RESAMPLE_H_
#define ALIGNFLOW_WORKER_VOLUMES_RESAMPLE_H_

#include <array>
#include <cstdint>
#include <vector>

#include "common/data/nifti_header.h"

// Volumes at the size that networks work on: as large in a cube as they are in millimetres, their
// proportions kept whatever their spacing, in the middle, with black around. Pure, thread-safe, and
// the same on any number of threads.
namespace alignflow {

// How a volume lies in a cube of `side` voxels: its longest side in millimetres fills it.
struct CubePlan {
  int64_t side = 0;
  std::array<int64_t, 3> inner{};  // voxels that the volume takes along i, j, k; 1 to side
  std::array<int64_t, 3> first{};  // of these in the cube
  VolumeGrid grid;                 // of these in space: as large as the volume, with their affine
};
CubePlan PlanCube(const VolumeGrid& grid, int64_t side);

// [k][j][i] of size `from` to that of size `to`: where there become fewer voxels, means over what
// each covers; where more, linear between their centres.
std::vector<float> ResampleValues(const std::vector<float>& voxels,
                                  const std::array<int64_t, 3>& from,
                                  const std::array<int64_t, 3>& to);

// Of labels: each voxel takes that at its centre.
std::vector<float> ResampleLabels(const std::vector<float>& voxels,
                                  const std::array<int64_t, 3>& from,
                                  const std::array<int64_t, 3>& to);

// Puts the volume's voxels [k][j][i] of size plan.inner into the cube [side][side][side], which is
// filled before.
void PutIntoCube(const std::vector<uint8_t>& inner, const CubePlan& plan, uint8_t* cube);
// The reverse.
std::vector<uint8_t> TakeFromCube(const uint8_t* cube, const CubePlan& plan);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_VOLUMES_RESAMPLE_H_
