#ifndef ALIGNFLOW_WORKER_VOLUMES_MASK_FACTS_H_
#define ALIGNFLOW_WORKER_VOLUMES_MASK_FACTS_H_

#include <map>
#include <span>
#include <vector>

#include "common/data/nifti_header.h"
#include "common/data/structures.h"

namespace alignflow {

// What is left of a mask's values in cubes of `sizes` voxels a side (PlanCube). Of volumes all of a
// value counts as one structure, which is kept where a voxel of it is left; pixels are voxels. By
// value, every one that occurs; none where these are more than 32. labels: whole numbers of 0 to
// 255 on the grid.
std::map<int, ClassStructures> StructuresOfVolume(const std::vector<float>& labels,
                                                  const VolumeGrid& grid,
                                                  std::span<const int> sizes);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_VOLUMES_MASK_FACTS_H_
