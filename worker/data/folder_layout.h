#ifndef ALIGNFLOW_WORKER_DATA_FOLDER_LAYOUT_H_
#define ALIGNFLOW_WORKER_DATA_FOLDER_LAYOUT_H_

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "worker/data/fault_list.h"

namespace alignflow {

// Where images and masks lie.
struct FolderLayout {
  std::filesystem::path images;
  std::filesystem::path masks;  // equal to `images`: both in one folder; empty for references
  std::string note;             // what was recognised; empty for DIR/images and DIR/masks
};

// DIR/images and DIR/masks; or folders in DIR whose names say the same ("img", "Ground Truth",
// "masks_png", "train_images"), where one alone does; or DIR itself for the images, with a folder
// of masks in it; or DIR, or its one folder of images, for both. Folders that hold images and would
// not be read are faults, everything else is left out. NotFound if there is no DIR; InvalidArgument
// where nothing is recognised or two folders could be meant, with what is there and what is
// expected.
absl::StatusOr<FolderLayout> FindDatasetLayout(const std::filesystem::path& dir,
                                               LeftOutList& left_out, FaultList& faults);

// DIR/images or a folder of such a name, otherwise DIR itself. Folders of masks are passed over.
absl::StatusOr<FolderLayout> FindReferenceLayout(const std::filesystem::path& dir,
                                                 LeftOutList& left_out, FaultList& faults);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DATA_FOLDER_LAYOUT_H_
