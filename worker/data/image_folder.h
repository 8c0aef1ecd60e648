#ifndef ALIGNFLOW_WORKER_DATA_IMAGE_FOLDER_H_
#define ALIGNFLOW_WORKER_DATA_IMAGE_FOLDER_H_

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/data/label_table.h"

// Image folders as a data team has them on disk, checked to the last pixel before anything is
// uploaded or computed.
//
// A dataset is DIR/images and DIR/masks, paired by stem (`a.jpg` with `a.png`). References are the
// images of DIR/images where that exists, otherwise those of DIR itself. Files ending in .png .jpg
// .jpeg .bmp .tif .tiff (any case) are images; other files and hidden ones are passed over with a
// warning; folders inside are not entered.
//
// Errors are InvalidArgument and name the file, the reason and the remedy; NotFound if DIR is not
// there; PermissionDenied if a file cannot be read. Thread-safe.
namespace alignflow {

struct FolderItem {
  std::string name;  // the stem
  std::filesystem::path image;
  std::filesystem::path mask;  // empty for references
  int width = 0;               // pixels, of image and mask alike
  int height = 0;
};

struct ImageFolder {
  std::vector<FolderItem> items;      // sorted by name (bytewise), at least one
  LabelTable labels;                  // given or inferred; the default table for references
  std::vector<std::string> warnings;  // to be shown to the user; one sentence each
};

// Called after each item checked with (items checked, items in all); may be empty. Return false to
// stop (Cancelled).
using ScanProgress = std::function<bool(size_t done, size_t total)>;

// Refuses: an image without a mask and the reverse, two files with one stem, sizes that differ,
// mask values outside of `labels`, damaged and oversized files, names that CheckItemName refuses,
// links out of the folder, no images at all. Without `labels` the table is inferred
// (LabelTable::Infer) and a warning tells what it became.
absl::StatusOr<ImageFolder> ScanDataset(const std::filesystem::path& dir,
                                        const std::optional<LabelTable>& labels,
                                        const ScanProgress& progress = {});

// As above, for images alone. One reference gives a warning: the result may be biased to it.
absl::StatusOr<ImageFolder> ScanReferences(const std::filesystem::path& dir,
                                           const ScanProgress& progress = {});

// The bytes of a file no larger than kMaxImageFileBytes.
absl::StatusOr<std::string> ReadImageFile(const std::filesystem::path& path);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DATA_IMAGE_FOLDER_H_
