#ifndef ALIGNFLOW_WORKER_VOLUMES_TURNING_H_
#define ALIGNFLOW_WORKER_VOLUMES_TURNING_H_

#include <array>
#include <cstdint>

#include "common/data/volume_grid.h"

// Volumes whose axes become the nearest of the patient's (i to the right, j to the front, k up) by
// reordering and mirroring: nothing is resampled, no voxel moves in space. Pure, thread-safe.
namespace alignflow {

// Which of a grid's axes becomes right, front and up, and which of them are mirrored.
struct Turning {
  std::array<int, 3> from{0, 1, 2};
  std::array<bool, 3> mirrored{};
};

Turning TurningOf(const VolumeGrid& grid);
VolumeGrid Turned(const VolumeGrid& grid, const Turning& turning);

// Where the voxels of `grid`, one after another with i fastest, go in the turned volume.
class TurnedPlaces {
 public:
  TurnedPlaces(const VolumeGrid& grid, const VolumeGrid& turned, const Turning& turning);

  int64_t Next() {
    const int64_t place = place_;
    place_ += step_[0];
    if (++at_[0] < size_[0]) return place;
    place_ += step_[1] - at_[0] * step_[0];
    at_[0] = 0;
    if (++at_[1] < size_[1]) return place;
    place_ += step_[2] - at_[1] * step_[1];
    at_[1] = 0;
    return place;
  }

 private:
  std::array<int64_t, 3> size_, at_{}, step_{};
  int64_t place_ = 0;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_VOLUMES_TURNING_H_
