#ifndef ALIGNFLOW_WORKER_VOLUMES_VOLUME_IMPORT_H_
#define ALIGNFLOW_WORKER_VOLUMES_VOLUME_IMPORT_H_

#include <cstddef>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "common/scratch_folder.h"
#include "worker/data/image_folder.h"
#include "worker/data/label_use.h"
#include "worker/volumes/structure_masks.h"

namespace alignflow {

// What a volume and its mask are found to be when they are read.
struct ImportedVolume {
  // The user's files that cannot be used, each with "REASON; REMEDY".
  std::vector<std::pair<std::filesystem::path, absl::Status>> faults;
  LabelUse labels;          // of the mask
  bool hounsfield = false;  // its values look like CT's, and no window was given
  bool unoriented = false;  // it does not say where the patient's right, front and up are
  bool tilted = false;      // its slices are shifted against each other
  bool inverted = false;    // black and white were exchanged (MONOCHROME1)
};

// Reads an item's volume, of any format, and its mask, if it has one, checks them, and writes both
// anew into the scratch folder as voxels and geometry alone (common/data/volume_probe.h), where the
// item's paths then point. `index`: the item's number among all. `structures`: what those of masks
// that are folders of structures become (structure_masks.h). Returns an error only where what
// is made cannot be written; what is wrong with the user's files is in `found`. Thread-safe for
// different items.
absl::Status ImportVolume(size_t index, const ImportOptions& import,
                          const StructureValues& structures, const ScratchFolder& scratch,
                          FolderItem& item, ImportedVolume& found);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_VOLUMES_VOLUME_IMPORT_H_
