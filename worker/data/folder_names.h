#ifndef ALIGNFLOW_WORKER_DATA_FOLDER_NAMES_H_
#define ALIGNFLOW_WORKER_DATA_FOLDER_NAMES_H_

#include <filesystem>

namespace alignflow {

// What a folder of a dataset is for.
enum class FolderRole { kImages, kMasks };

// The plain name: "images" or "masks".
const char* RoleName(FolderRole role);

// How surely a folder's name says that it has a role: it is the plain name; it is known to mean the
// same ("img", "Ground Truth", "masks_png"); it ends so ("train_images"); or not at all.
enum class Sureness { kExact, kKnown, kEnding, kNone };
Sureness SurenessOf(const std::filesystem::path& folder, FolderRole role);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DATA_FOLDER_NAMES_H_
