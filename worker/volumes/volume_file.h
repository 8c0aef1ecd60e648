#ifndef ALIGNFLOW_WORKER_VOLUMES_VOLUME_FILE_H_
#define ALIGNFLOW_WORKER_VOLUMES_VOLUME_FILE_H_

#include <filesystem>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/data/nifti_header.h"
#include "worker/volumes/volume.h"

// Volumes as NIfTI files. Read by our own code and zlib: Debian's libnifti takes memory as headers
// ask, prints to stderr, and keeps extensions and texts, of which nothing may travel. Thread-safe.
namespace alignflow {

// Whether a name ends like that of a volume, in any case: .nii or .nii.gz.
bool HasVolumeName(const std::filesystem::path& path);
// The name without that ending.
std::string VolumeStem(const std::filesystem::path& path);

// Reads a NIfTI file, packed by gzip or not, of any orientation; axes are reordered and mirrored to
// the nearest of the patient's, nothing is resampled. Memory is taken once the file is known to be
// large enough for what its header tells of; of a packed one no more is unpacked than that.
// InvalidArgument, "REASON; REMEDY", for what ParseNiftiHeader refuses, for damaged and cut files
// and for voxels that are no numbers; PermissionDenied or NotFound if it can't be read.
absl::StatusOr<Volume> ReadVolume(const std::filesystem::path& path);

// Its header alone, as stored: not turned. Errors likewise.
absl::StatusOr<NiftiHeader> ReadVolumeHeader(const std::filesystem::path& path);

// The smallest of int16 and float32 that holds all values.
NiftiType ImageTypeOf(const Volume& volume);

// The file in the canonical form (common/data/volume_probe.h): the same volume gives the same
// bytes. Values are rounded to the type, and cut off at its ends.
std::string PackVolume(const Volume& volume, NiftiType type);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_VOLUMES_VOLUME_FILE_H_
