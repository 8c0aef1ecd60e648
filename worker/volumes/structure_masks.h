#ifndef ALIGNFLOW_WORKER_VOLUMES_STRUCTURE_MASKS_H_
#define ALIGNFLOW_WORKER_VOLUMES_STRUCTURE_MASKS_H_

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/data/label_table.h"
#include "worker/volumes/volume.h"

// Masks of which each structure is a file of its own, named by it, as TotalSegmentator writes
// them: a folder of NIfTI or NRRD files that are not 0 where the structure is. Thread-safe.
namespace alignflow {

// What a structure's voxels become in the mask, 1..255, by the structure's name.
using StructureValues = std::map<std::string, int>;

// The files of such a folder, by name; none if it is no folder, or holds DICOM files.
std::vector<std::filesystem::path> StructureFiles(const std::filesystem::path& folder);

// The structure that a file is named by, as a label's name: "Left Kidney.nii.gz" is "left_kidney".
std::string StructureOf(const std::filesystem::path& file);

struct ChosenStructures {
  StructureValues values;
  std::vector<std::string> left_out;  // structures without a label, by name
};

// What structures become in a set of masks, of which some are such folders: the values of `labels`,
// where the others are left out, or 1, 2, ... in the order of their names. Nothing if no mask is
// such a folder, or labels are colours. InvalidArgument, "REASON; REMEDY".
absl::StatusOr<ChosenStructures> ChooseStructures(const std::vector<std::filesystem::path>& masks,
                                                  const std::optional<LabelTable>& labels);

// The mask on its image's grid, of those structures that `values` names; 0 where none of them is.
// InvalidArgument, "REASON; REMEDY" with the file's name: what ReadAnyMask and CheckMask refuse,
// files of several values, structures that overlap, and two files of one structure.
absl::StatusOr<Volume> ReadStructures(const std::filesystem::path& folder,
                                      const StructureValues& values, const VolumeGrid& image);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_VOLUMES_STRUCTURE_MASKS_H_
