#ifndef ALIGNFLOW_WORKER_VOLUMES_DICOM_SERIES_H_
#define ALIGNFLOW_WORKER_VOLUMES_DICOM_SERIES_H_

#include <filesystem>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/volumes/volume.h"

// Volumes as hospitals have them: a folder of DICOM files, one a slice, or one file of several
// frames. Of a header no more is looked at than worker/dicom/kept_elements.h has; one file at a
// time is in memory. Thread-safe.
namespace alignflow {

// The DICOM files that lie in a folder, by name; of a file, it alone.
std::vector<std::filesystem::path> SeriesFiles(const std::filesystem::path& path);

// Whether a folder holds a series: several DICOM files, or one that is a volume by itself.
bool IsSeriesFolder(const std::filesystem::path& path);

// Reads a series, sorted by where its slices lie and turned to the patient's axes; values are by
// each slice's own slope and intercept, or table. InvalidArgument, "REASON; REMEDY" with the name
// of the file within the folder, for what StackSlices, CheckIsSlice and the decoders refuse, for
// files of several series and for values that are no numbers.
absl::StatusOr<Volume> ReadSeries(const std::filesystem::path& path);

// Its grid alone, not turned, of headers alone. Errors likewise.
absl::StatusOr<VolumeGrid> ReadSeriesGrid(const std::filesystem::path& path);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_VOLUMES_DICOM_SERIES_H_
