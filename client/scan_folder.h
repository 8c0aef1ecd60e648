#ifndef ALIGNFLOW_CLIENT_SCAN_FOLDER_H_
#define ALIGNFLOW_CLIENT_SCAN_FOLDER_H_

#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/image_options.h"
#include "client/session.h"
#include "worker/data/image_folder.h"

namespace alignflow {

// A folder that is worked on here, with nothing sent.
struct ScannedFolder {
  ImageFolder folder;
  bool masks = false;
};

// Reads and checks a dataset, or a folder of images alone, with a counter and what was found on the
// console. `labels`: LabelTable's text form, or empty. Errors as of ScanDataset; InvalidArgument
// for labels of a folder without masks.
absl::StatusOr<ScannedFolder> ScanFolder(Session& session, const std::filesystem::path& dir,
                                         const std::string& labels, const ImageOptions& options);

// Makes a folder, or takes an empty one. FailedPrecondition if it holds files.
absl::Status MakeEmptyFolder(const std::filesystem::path& folder);
// The same with images/ in it, and masks/.
absl::Status MakeDatasetFolder(const std::filesystem::path& folder, bool masks);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_SCAN_FOLDER_H_
