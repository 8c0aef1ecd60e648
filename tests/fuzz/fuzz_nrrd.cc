// Any bytes as a NRRD file: either a refusal with a remedy, or a volume of as many numbers as its
// header says.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "tests/fuzz/memory_file.h"
#include "worker/volumes/nrrd_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const alignflow::MemoryFile file(data, size);
  const absl::StatusOr<alignflow::Volume> volume = alignflow::ReadNrrd(file.path());
  if (!volume.ok()) {
    if (std::string(volume.status().message()).find("; ") == std::string::npos) std::abort();
    return 0;
  }
  if (static_cast<int64_t>(volume->voxels.size()) != volume->grid.voxels()) std::abort();
  for (const float voxel : volume->voxels) {
    if (!std::isfinite(voxel)) std::abort();
  }
  return 0;
}
