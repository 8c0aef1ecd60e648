// Any bytes as a DICOM file of several frames: either a refusal with a remedy, or a volume of as
// many numbers as its grid has voxels; and as a segmentation of a small image.
#include <cstdint>

#include "tests/fuzz/memory_file.h"
#include "tests/fuzz/volume_check.h"
#include "worker/volumes/dicom_segmentation.h"
#include "worker/volumes/dicom_series.h"

namespace {

// Larger volumes take time and no other code.
constexpr int64_t kMostVoxels = 1 << 18;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const alignflow::MemoryFile file(data, size);
  const absl::StatusOr<alignflow::VolumeGrid> grid = alignflow::ReadSeriesGrid(file.path());
  if (!grid.ok() || grid->voxels() <= kMostVoxels)
    alignflow::IsWholeOrRefused(alignflow::ReadSeries(file.path()));
  const alignflow::VolumeGrid image{.size = {4, 3, 3},
                                    .affine = {0.25, 0, 0, -10.75, 0, 0.5, 0, -21, 0, 0, 2, 0}};
  alignflow::IsWholeOrRefused(
      alignflow::ParseSegmentation({reinterpret_cast<const char*>(data), size}, image));
  return 0;
}
