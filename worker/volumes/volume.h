#ifndef ALIGNFLOW_WORKER_VOLUMES_VOLUME_H_
#define ALIGNFLOW_WORKER_VOLUMES_VOLUME_H_

#include <cstdint>
#include <string>
#include <vector>

#include "common/data/volume_grid.h"

namespace alignflow {

// A volume with its axes as the patient's: i to the right, j to the front, k up (RAS+).
struct Volume {
  VolumeGrid grid;
  std::vector<float> voxels;  // [k][j][i], i fastest; after the header's slope and intercept
  double low = 0, high = 0;   // values shown as black and white; both 0: the file does not say
  bool oriented = true;       // whether the file says where right, front and up are
  std::string modality = {};  // "CT"; empty where the file does not say
  bool inverted = false;      // whether low values are shown as white (MONOCHROME1)
  bool tilted = false;        // whether its slices are shifted against each other (gantry tilt)

  float At(int64_t i, int64_t j, int64_t k) const {
    return voxels[(k * grid.size[1] + j) * grid.size[0] + i];
  }
};

// Whether voxels of the same number lie at the same place, to a hundredth of their spacing.
bool IsSameGrid(const VolumeGrid& a, const VolumeGrid& b);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_VOLUMES_VOLUME_H_
