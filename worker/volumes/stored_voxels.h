#ifndef ALIGNFLOW_WORKER_VOLUMES_STORED_VOXELS_H_
#define ALIGNFLOW_WORKER_VOLUMES_STORED_VOXELS_H_

#include <filesystem>

#include "absl/status/statusor.h"
#include "common/data/nifti_header.h"
#include "worker/volumes/byte_stream.h"
#include "worker/volumes/volume.h"

// Voxels that lie in a file one after another, i fastest, as NIfTI and NRRD have them; `header`
// says how. Thread-safe.
namespace alignflow {

// Whether a file is large enough for what its header tells of. InvalidArgument if not.
absl::Status CheckHoldsVoxels(const std::filesystem::path& path, bool packed,
                              const NiftiHeader& header);

// Reads from where `stream` is, turned to the patient's axes. InvalidArgument for cut files,
// damaged packing and voxels that are no numbers.
absl::StatusOr<Volume> ReadStoredVoxels(ByteStream& stream, const NiftiHeader& header);

// The refusal of voxels that are NaN or infinite.
absl::Status RefuseNoNumbers(int64_t count, int64_t voxels);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_VOLUMES_STORED_VOXELS_H_
