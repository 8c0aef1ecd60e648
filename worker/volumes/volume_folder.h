#ifndef ALIGNFLOW_WORKER_VOLUMES_VOLUME_FOLDER_H_
#define ALIGNFLOW_WORKER_VOLUMES_VOLUME_FOLDER_H_

#include <filesystem>
#include <optional>

#include "absl/status/statusor.h"
#include "worker/data/image_folder.h"

// Folders of pictures or of volumes, whichever they hold: of volumes images/* and masks/* of the
// same stems, each a file or a folder of a DICOM series (volume_formats.h). Each volume is checked
// to its last voxel on this machine and written anew as a file of its voxels and geometry alone
// (common/data/volume_probe.h), which is what the folder's items name: nothing else of a header
// travels. Thread-safe.
//
// Errors as of ScanDataset (worker/data/image_folder.h). Refused besides: pictures and volumes in
// one set, masks of another grid than their image's, mask values that are no whole numbers of 0 to
// 255, windows of CT for series of other modalities.
namespace alignflow {

absl::StatusOr<ImageFolder> ScanAnyDataset(const std::filesystem::path& dir,
                                           const std::optional<LabelTable>& labels,
                                           const ScanProgress& progress = {},
                                           const ImportOptions& import = {});
absl::StatusOr<ImageFolder> ScanAnyReferences(const std::filesystem::path& dir,
                                              const ScanProgress& progress = {},
                                              const ImportOptions& import = {});

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_VOLUMES_VOLUME_FOLDER_H_
