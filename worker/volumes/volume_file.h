#ifndef ALIGNFLOW_WORKER_VOLUMES_VOLUME_FILE_H_
#define ALIGNFLOW_WORKER_VOLUMES_VOLUME_FILE_H_

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/data/nifti_header.h"

// Volumes as files. Read by our own code and zlib: Debian's libnifti takes memory as headers ask,
// prints to stderr, and keeps extensions and texts, of which nothing may travel. Thread-safe.
namespace alignflow {

// A volume with its axes as the patient's: i to the right, j to the front, k up (RAS+).
struct Volume {
  VolumeGrid grid;
  std::vector<float> voxels;  // [k][j][i], i fastest; after the header's slope and intercept
  double low = 0, high = 0;   // values shown as black and white; both 0: the file does not say
  bool oriented = true;       // whether the file says where right, front and up are

  float At(int64_t i, int64_t j, int64_t k) const {
    return voxels[(k * grid.size[1] + j) * grid.size[0] + i];
  }
};

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

// Whether voxels of the same number lie at the same place, to a hundredth of their spacing.
bool IsSameGrid(const VolumeGrid& a, const VolumeGrid& b);

// The smallest of int16 and float32 that holds all values.
NiftiType ImageTypeOf(const Volume& volume);

// The file in the canonical form (common/data/volume_probe.h): the same volume gives the same
// bytes. Values are rounded to the type, and cut off at its ends.
std::string PackVolume(const Volume& volume, NiftiType type);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_VOLUMES_VOLUME_FILE_H_
