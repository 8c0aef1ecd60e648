#ifndef ALIGNFLOW_WORKER_VOLUMES_NRRD_FILE_H_
#define ALIGNFLOW_WORKER_VOLUMES_NRRD_FILE_H_

#include <cstddef>
#include <filesystem>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/data/nifti_header.h"
#include "worker/volumes/volume.h"

// Volumes as NRRD files (teem.sourceforge.net/nrrd/format.html) in one piece, raw or packed by
// gzip, such as 3D Slicer writes. Read by our own code and zlib: teem takes memory as headers ask,
// opens whatever files a header names, and keeps its texts. Thread-safe.
namespace alignflow {

struct NrrdHeader {
  NiftiHeader voxels;         // how they are stored, which both formats say alike
  bool packed = false;        // by gzip, from data_offset on
  bool segmentation = false;  // of 3D Slicer (.seg.nrrd), which may cover a part of its image
};

// Headers are read up to here.
inline constexpr size_t kMaxNrrdHeaderBytes = size_t{1} << 20;

// `bytes`: a file's beginning, up to kMaxNrrdHeaderBytes. Refused, "REASON; REMEDY": what is no
// NRRD header; data in files of their own; other encodings than raw and gzip; other than three
// dimensions of space; spaces that are not the patient's; what CheckVolumeSize and
// CheckVolumeAffine refuse. Pure.
absl::StatusOr<NrrdHeader> ParseNrrdHeader(std::string_view bytes);

// As of ReadVolume and ReadVolumeHeader (volume_file.h).
absl::StatusOr<Volume> ReadNrrd(const std::filesystem::path& path);
absl::StatusOr<NrrdHeader> ReadNrrdHeader(const std::filesystem::path& path);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_VOLUMES_NRRD_FILE_H_
