#ifndef ALIGNFLOW_WORKER_VOLUMES_DICOM_SEGMENTATION_H_
#define ALIGNFLOW_WORKER_VOLUMES_DICOM_SEGMENTATION_H_

#include <filesystem>
#include <string_view>

#include "absl/status/statusor.h"
#include "worker/volumes/volume.h"

// Masks as DICOM segmentations (PS3.3, A.51 and C.8.20): each frame shows where one segment is in
// one slice. Thread-safe.
namespace alignflow {

// A mask on its image's grid, which is turned (RAS+): segment number N becomes the value N. Frames
// lie where they say they do, in any order and of any part of the image; their pixels must be the
// image's voxels, to a tenth of these. InvalidArgument, "REASON; REMEDY": what ParseDicom and
// DecodeFrame refuse; fractional segmentations; frames elsewhere; segments that overlap, or have
// numbers beyond 255.
absl::StatusOr<Volume> ReadSegmentation(const std::filesystem::path& path, const VolumeGrid& image);

// The same of a file's bytes.
absl::StatusOr<Volume> ParseSegmentation(std::string_view bytes, const VolumeGrid& image);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_VOLUMES_DICOM_SEGMENTATION_H_
