#include "worker/volumes/volume_import.h"

#include <cstdint>
#include <opencv2/core.hpp>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/data/image_probe.h"
#include "common/settings/settings.h"
#include "worker/data/image_file.h"
#include "worker/volumes/mask_check.h"
#include "worker/volumes/mask_facts.h"
#include "worker/volumes/structure_masks.h"
#include "worker/volumes/volume_file.h"
#include "worker/volumes/volume_formats.h"
#include "worker/volumes/volume_window.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

// The values that are shown from black to white, by the user's choice.
void ShowFrom(const ImportOptions& import, Volume& image, ImportedVolume& found) {
  const ValueRange range = import.window ? RangeOf(import.window->window) : OwnRange(image.voxels);
  image.low = range.low;
  image.high = range.high;
  found.hounsfield = !import.window && LooksLikeHounsfield(image.voxels);
  found.unoriented = !image.oriented;
  found.tilted = image.tilted;
  found.inverted = image.inverted;
  // What is black becomes white; values in between stay in the window, which stays the same.
  if (!image.inverted) return;
  for (float& value : image.voxels) value = static_cast<float>(range.low + range.high - value);
}

// That a window of CT is not laid over another modality, as far as files say theirs.
absl::Status CheckWindow(const ImportOptions& import, const Volume& image) {
  if (!import.window || !import.window->IsOfCt() || image.modality.empty() ||
      image.modality == "CT") {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("its modality is '", absl::CHexEscape(image.modality), "', and ",
                   import.window->name, " is a window of CT; give --window CENTRE,WIDTH, or none"));
}

void CountLabels(size_t index, const Volume& mask, ItemFacts& facts, LabelUse& use) {
  std::vector<uint8_t> values(mask.voxels.begin(), mask.voxels.end());
  const cv::Mat rows(static_cast<int>(mask.grid.size[1] * mask.grid.size[2]),
                     static_cast<int>(mask.grid.size[0]), CV_8U, values.data());
  std::vector<int> sizes;
  for (const auto& [preset, size] : PresetSizes(3)) sizes.push_back(size);
  facts.structures = StructuresOfVolume(mask.voxels, mask.grid, sizes);
  use.Add(rows, index);
}

// Writes a file anew; `file` is then the new one and `source` the user's.
absl::Status Write(const ScratchFolder& scratch, const std::string& name, const std::string& bytes,
                   fs::path& file, fs::path& source, ImportedVolume& found) {
  if (static_cast<int64_t>(bytes.size()) > kMaxImageFileBytes) {
    found.faults.emplace_back(
        file, absl::InvalidArgumentError(absl::StrCat(
                  "it takes ", bytes.size() >> 20,
                  " MiB packed, at most 256 are read; resample the volume, or cut it into parts")));
    return absl::OkStatus();
  }
  absl::Status written = scratch.Write(name, bytes);
  if (!written.ok()) return written;
  source = file;
  file = scratch.path() / name;
  return absl::OkStatus();
}

}  // namespace

absl::Status ImportVolume(size_t index, const ImportOptions& import,
                          const StructureValues& structures, const ScratchFolder& scratch,
                          FolderItem& item, ImportedVolume& found) {
  absl::StatusOr<Volume> image = ReadAnyVolume(item.image);
  if (image.ok()) {
    const absl::Status fits = CheckWindow(import, *image);
    if (!fits.ok()) image = fits;
  }
  if (!image.ok()) found.faults.emplace_back(item.image, image.status());
  if (image.ok()) {
    ShowFrom(import, *image, found);
    item.width = static_cast<int>(image->grid.size[0]);
    item.height = static_cast<int>(image->grid.size[1]);
    item.depth = static_cast<int>(image->grid.size[2]);
    absl::Status written =
        Write(scratch, absl::StrFormat("image-%06d.nii.gz", index),
              PackVolume(*image, ImageTypeOf(*image)), item.image, item.image_source, found);
    if (!written.ok()) return written;
    image->voxels = {};
  }
  if (item.mask.empty()) return absl::OkStatus();
  const bool in_parts = !StructureFiles(item.mask).empty();
  if (!image.ok() && (in_parts || FormatOf(item.mask) == VolumeFormat::kSegmentation)) {
    return absl::OkStatus();
  }
  absl::StatusOr<Volume> mask = in_parts     ? ReadStructures(item.mask, structures, image->grid)
                                : image.ok() ? ReadAnyMask(item.mask, image->grid)
                                             : ReadAnyVolume(item.mask);
  const absl::Status fits =
      mask.ok() ? CheckMask(*mask, image.ok() ? &image->grid : nullptr) : mask.status();
  if (!fits.ok()) {
    found.faults.emplace_back(item.mask, fits);
    return absl::OkStatus();
  }
  CountLabels(index, *mask, item.facts, found.labels);
  if (image.ok()) mask->grid.affine = image->grid.affine;
  mask->low = mask->high = 0;
  return Write(scratch, absl::StrFormat("mask-%06d.nii.gz", index),
               PackVolume(*mask, NiftiType::kUint8), item.mask, item.mask_source, found);
}

}  // namespace alignflow
