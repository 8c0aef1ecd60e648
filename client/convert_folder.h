#ifndef ALIGNFLOW_CLIENT_CONVERT_FOLDER_H_
#define ALIGNFLOW_CLIENT_CONVERT_FOLDER_H_

#include <filesystem>

#include "absl/status/statusor.h"
#include "client/scan_folder.h"
#include "client/session.h"

namespace alignflow {

// Writes what `dataset push` would send of a folder: images/NAME.png, masks/NAME.png where there
// are masks, and groups.csv and classes.csv where images have groups or classes. FailedPrecondition
// if `out` holds files already. The document names each image with the file, and frame, that it was
// made of.
absl::StatusOr<Result> ConvertFolder(Session& session, const ScannedFolder& scanned,
                                     const std::filesystem::path& out);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_CONVERT_FOLDER_H_
