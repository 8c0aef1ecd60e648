#ifndef ALIGNFLOW_WORKER_VOLUMES_GRID_DRAWING_H_
#define ALIGNFLOW_WORKER_VOLUMES_GRID_DRAWING_H_

#include <array>
#include <cstdint>

#include "absl/status/statusor.h"
#include "worker/volumes/volume.h"

// Masks that are drawn into their image's grid. Not thread-safe.
namespace alignflow {

using Voxel = std::array<int64_t, 3>;

// From millimetres, in the axes of VolumeGrid, to voxel numbers of a grid that is not flat.
class VoxelFinder {
 public:
  explicit VoxelFinder(const VolumeGrid& grid);

  // Of a place, and of a difference between two. False where they are further than `most` from
  // whole voxels.
  bool Find(const std::array<double, 3>& place, double most, Voxel& voxel) const;
  bool FindStep(const std::array<double, 3>& step, double most, Voxel& voxel) const;

 private:
  std::array<double, 3> origin_{};
  std::array<double, 9> inverse_{};
};

class GridDrawing {
 public:
  explicit GridDrawing(const VolumeGrid& grid);

  void Set(const Voxel& at, float value);

  // The mask, 0 where nothing was set. InvalidArgument, "REASON; REMEDY", where voxels outside of
  // the grid were set, or some to two values.
  absl::StatusOr<Volume> Take();

 private:
  Volume mask_;
  int64_t outside_ = 0, overlapping_ = 0;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_VOLUMES_GRID_DRAWING_H_
