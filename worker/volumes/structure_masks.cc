#include "worker/volumes/structure_masks.h"

#include <algorithm>
#include <iterator>
#include <ranges>
#include <set>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/counted.h"
#include "worker/data/fault_list.h"
#include "worker/volumes/dicom_series.h"
#include "worker/volumes/mask_check.h"
#include "worker/volumes/volume_formats.h"
#include "worker/volumes/volume_layout.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

absl::Status RefuseStructure(const fs::path& file, std::string_view reason,
                             std::string_view remedy) {
  return absl::InvalidArgumentError(absl::StrCat("of its structures, ", ShownPath(file.filename()),
                                                 " ", std::string(reason), "; ",
                                                 std::string(remedy)));
}

// Where a structure of `value` is, in `mask`.
absl::Status AddStructure(const fs::path& file, float value, const Volume& structure,
                          Volume& mask) {
  float own = 0;
  int64_t taken = 0;
  for (size_t i = 0; i < mask.voxels.size(); ++i) {
    const float voxel = structure.voxels[i];
    if (voxel == 0) continue;
    if (own == 0) own = voxel;
    if (voxel != own) {
      return RefuseStructure(file, "holds several values",
                             "a folder's files are of one structure each: put a mask of several "
                             "labels in the folder's place");
    }
    taken += mask.voxels[i] != 0 ? 1 : 0;
    mask.voxels[i] = value;
  }
  if (taken == 0) return absl::OkStatus();
  return RefuseStructure(
      file, absl::StrCat("covers ", Counted(taken, "voxel"), " of others"),
      "a mask has one label for each voxel: name the structures to take with --labels, or take "
      "these voxels from all but one");
}

}  // namespace

std::vector<fs::path> StructureFiles(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> files;
  if (!fs::is_directory(folder, error) || !SeriesFiles(folder).empty()) return files;
  for (const fs::path& path : EntriesOf(folder)) {
    const VolumeFormat format = FormatOf(path);
    const bool one = format == VolumeFormat::kNifti || format == VolumeFormat::kNrrd;
    if (one && fs::is_regular_file(path, error)) files.push_back(path);
  }
  return files;
}

std::string StructureOf(const fs::path& file) {
  std::string name = absl::AsciiStrToLower(StemOfVolume(file));
  for (char& c : name) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '-') c = '_';
  }
  return name;
}

absl::StatusOr<ChosenStructures> ChooseStructures(const std::vector<fs::path>& masks,
                                                  const std::optional<LabelTable>& labels) {
  std::set<std::string> names;
  size_t folders = 0;
  for (const fs::path& mask : masks) {
    const std::vector<fs::path> files = StructureFiles(mask);
    folders += files.empty() ? 0 : 1;
    for (const fs::path& file : files) names.insert(StructureOf(file));
  }
  ChosenStructures chosen;
  if (folders == 0 || (labels && labels->coloured())) return chosen;
  if (!labels) {
    if (names.size() > LabelTable::kMaxLabels) {
      return absl::InvalidArgumentError(
          "its folders hold more than 255 structures; name those to take: --labels "
          "liver=1,spleen=2");
    }
    if (folders < masks.size()) {
      return absl::InvalidArgumentError(
          "some masks are folders of structures, and some are files; say what the files' values "
          "are: --labels NAME=VALUE,..., with the structures' names");
    }
    int value = 0;
    for (const std::string& name : names) chosen.values.emplace(name, ++value);
    return chosen;
  }
  if (labels->background() != 0) {
    return absl::InvalidArgumentError(
        "of structures the background is 0; give --labels without another background");
  }
  for (const LabelTable::Label& label : labels->labels()) {
    chosen.values.emplace(label.name, label.value);
  }
  std::ranges::set_difference(names, std::views::keys(chosen.values),
                              std::back_inserter(chosen.left_out));
  if (chosen.left_out.size() < names.size()) return chosen;
  return absl::InvalidArgumentError(
      "no structure has a label's name; name structures as their files are named: --labels "
      "liver=1,spleen=2");
}

absl::StatusOr<Volume> ReadStructures(const fs::path& folder, const StructureValues& values,
                                      const VolumeGrid& image) {
  std::map<std::string, fs::path> wanted;
  for (const fs::path& file : StructureFiles(folder)) {
    const std::string name = StructureOf(file);
    if (!values.contains(name)) continue;
    const auto [first, added] = wanted.emplace(name, file);
    if (!added) {
      return RefuseStructure(
          file, absl::StrCat("is of the same structure as ", ShownPath(first->second.filename())),
          "rename or remove one of the two");
    }
  }
  Volume mask{.grid = image, .voxels = std::vector<float>(image.voxels())};
  for (const auto& [name, file] : wanted) {
    const absl::StatusOr<Volume> structure = ReadAnyMask(file, image);
    absl::Status fits = structure.ok() ? CheckMask(*structure, &image) : structure.status();
    if (fits.ok()) {
      fits = AddStructure(file, static_cast<float>(values.at(name)), *structure, mask);
    } else {
      fits = absl::Status(
          fits.code(),
          absl::StrCat("of its structures, ", ShownPath(file.filename()), ": ", fits.message()));
    }
    if (!fits.ok()) return fits;
  }
  return mask;
}

}  // namespace alignflow
