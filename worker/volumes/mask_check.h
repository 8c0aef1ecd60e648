#ifndef ALIGNFLOW_WORKER_VOLUMES_MASK_CHECK_H_
#define ALIGNFLOW_WORKER_VOLUMES_MASK_CHECK_H_

#include "absl/status/status.h"
#include "worker/volumes/volume.h"

namespace alignflow {

// That a mask's values are labels, whole numbers of 0 to 255, and that it lies on its image's grid,
// unless that is null. InvalidArgument, "REASON; REMEDY".
absl::Status CheckMask(const Volume& mask, const VolumeGrid* image);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_VOLUMES_MASK_CHECK_H_
