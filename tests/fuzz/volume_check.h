#ifndef ALIGNFLOW_TESTS_FUZZ_VOLUME_CHECK_H_
#define ALIGNFLOW_TESTS_FUZZ_VOLUME_CHECK_H_

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/status/statusor.h"
#include "worker/volumes/volume.h"

namespace alignflow {

// Aborts unless a reader of volumes gave a refusal with a remedy, or as many numbers as its header
// says. Returns whether it gave a volume.
inline bool IsWholeOrRefused(const absl::StatusOr<Volume>& volume) {
  if (!volume.ok()) {
    if (std::string(volume.status().message()).find("; ") == std::string::npos) std::abort();
    return false;
  }
  if (static_cast<int64_t>(volume->voxels.size()) != volume->grid.voxels()) std::abort();
  for (const float voxel : volume->voxels) {
    if (!std::isfinite(voxel)) std::abort();
  }
  return true;
}

}  // namespace alignflow

#endif  // ALIGNFLOW_TESTS_FUZZ_VOLUME_CHECK_H_
