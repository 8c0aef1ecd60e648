#ifndef ALIGNFLOW_WORKER_VOLUMES_VOLUME_FORMATS_H_
#define ALIGNFLOW_WORKER_VOLUMES_VOLUME_FORMATS_H_

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "worker/volumes/volume.h"

// Volumes and their masks in any form that users have them in. Only what users give is read so, on
// their machines; what is stored is NIfTI (volume_file.h). Thread-safe.
namespace alignflow {

enum class VolumeFormat {
  kNone,         // no volume
  kNifti,        // .nii, .nii.gz
  kNrrd,         // .nrrd, .seg.nrrd
  kSeries,       // a folder of DICOM files, or one file of several frames
  kSegmentation  // a DICOM file, or the only one of a folder: a mask
};

// By name, and of DICOM files by content. A folder with any DICOM files is kSeries, even where it
// will be refused.
VolumeFormat FormatOf(const std::filesystem::path& path);
bool IsDicomFormat(VolumeFormat format);

// The name without the format's ending; of folders the name.
std::string StemOfVolume(const std::filesystem::path& path);

// InvalidArgument, "REASON; REMEDY", and the errors of ReadVolume, ReadNrrd and ReadSeries.
// Segmentations are refused: they are on the grid of another.
absl::StatusOr<Volume> ReadAnyVolume(const std::filesystem::path& path);
// Its size in voxels, of the header alone.
absl::StatusOr<int64_t> CountVoxels(const std::filesystem::path& path);

// A mask. `image`: the grid of its image, which segmentations (DICOM, and those of 3D Slicer) are
// put into, with 0 where they say nothing; all others come as they are. Of these, `image` is not
// looked at.
absl::StatusOr<Volume> ReadAnyMask(const std::filesystem::path& path, const VolumeGrid& image);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_VOLUMES_VOLUME_FORMATS_H_
