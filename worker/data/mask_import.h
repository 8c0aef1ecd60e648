#ifndef ALIGNFLOW_WORKER_DATA_MASK_IMPORT_H_
#define ALIGNFLOW_WORKER_DATA_MASK_IMPORT_H_

#include <vector>

#include "absl/status/status.h"
#include "common/scratch_folder.h"
#include "worker/data/fault_list.h"
#include "worker/data/item_check.h"

namespace alignflow {

// Whether masks of items are DICOM files.
bool HoldSegmentations(const std::vector<FolderItem>& items);

// Makes a PNG file of each mask that is a DICOM segmentation of a picture (segment number N becomes
// the value N) and puts it in the mask's place. Bad files become faults, and their items lose the
// mask. An error if there is no room for what is made.
absl::Status ConvertSegmentations(const ScratchFolder& scratch, std::vector<FolderItem>& items,
                                  FaultList& faults);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DATA_MASK_IMPORT_H_
