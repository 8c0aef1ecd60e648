#ifndef ALIGNFLOW_SERVER_STATE_FOLDER_CHANGE_H_
#define ALIGNFLOW_SERVER_STATE_FOLDER_CHANGE_H_

#include <filesystem>
#include <functional>

#include "absl/status/status.h"
#include "server/catalog/catalog.h"

namespace alignflow {

// Runs one change of a state folder's catalog, for commands of their own process. A coordinator
// that is at work has it open besides, and then must be of this version.
absl::Status ChangeStateFolder(const std::filesystem::path& state,
                               const std::function<absl::Status(WritingSql&)>& change);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_STATE_FOLDER_CHANGE_H_
