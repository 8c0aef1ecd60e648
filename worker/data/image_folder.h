#ifndef ALIGNFLOW_WORKER_DATA_IMAGE_FOLDER_H_
#define ALIGNFLOW_WORKER_DATA_IMAGE_FOLDER_H_

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/data/label_table.h"
#include "common/data/manifest.h"
#include "worker/data/image_file.h"
#include "worker/data/image_import.h"
#include "worker/data/item_check.h"
#include "worker/data/label_use.h"

// Image folders as a data team has them on disk, checked to the last pixel before anything is
// uploaded or computed. docs/data.md tells users which folders and names are read: folder_layout.h
// finds the folders, file_listing.h their files, stem_match.h which mask belongs to which image,
// item_table.h which images belong together and what they show, image_import.h makes PNG files of
// DICOM files, and item_check.h decodes them all.
//
// Nothing is left out without being told, and all faults are told at once (fault_list.h). Errors
// are InvalidArgument; NotFound if DIR is not there; PermissionDenied if permissions are all that
// is wrong; Cancelled. Thread-safe.
namespace alignflow {

// Who says what the labels are called: the user, nobody, or the names of structures' files.
enum class LabelOrigin { kGiven, kGuessed, kNamed };

struct ImageFolder {
  std::vector<FolderItem> items;  // sorted by name (bytewise), at least one
  LabelTable labels;              // given or guessed; the default table for references
  LabelOrigin labels_from = LabelOrigin::kGiven;
  int sample_bits = kAllSampleBits;   // that 16-bit images use; see ReadImage
  std::vector<LabelRow> label_rows;   // what each label is in these masks; empty for references
  std::vector<std::string> notes;     // how the folder was read; one sentence each
  std::vector<std::string> warnings;  // what the user should look at; one sentence each
  // Holds the files that were made of the user's own (image_import.h) while it lives; may be null.
  std::shared_ptr<const ScratchFolder> scratch = nullptr;
};

// Refuses: images without a mask and the reverse, names that could mean two files, sizes that
// differ, mask values outside of `labels`, damaged and oversized files, folders that would be left
// out although they hold images, links out of the folder, no images at all, a groups.csv or
// classes.csv that is not of these images. Without `labels` the table is guessed (GuessLabels).
absl::StatusOr<ImageFolder> ScanDataset(const std::filesystem::path& dir,
                                        const std::optional<LabelTable>& labels,
                                        const ScanProgress& progress = {},
                                        const ImportOptions& import = {});

// As above, for images alone. One reference gives a warning: the result may be biased to it.
absl::StatusOr<ImageFolder> ScanReferences(const std::filesystem::path& dir,
                                           const ScanProgress& progress = {},
                                           const ImportOptions& import = {});

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DATA_IMAGE_FOLDER_H_
