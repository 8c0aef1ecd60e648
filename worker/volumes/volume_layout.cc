#include "worker/volumes/volume_layout.h"

#include <algorithm>
#include <system_error>
#include <tuple>
#include <utility>

#include "worker/data/file_listing.h"
#include "worker/data/image_file.h"
#include "worker/dicom/dicom_header.h"
#include "worker/volumes/dicom_series.h"
#include "worker/volumes/structure_masks.h"
#include "worker/volumes/volume_formats.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

// Whether folders lie in a folder that are masks by their structures.
bool HasStructures(const fs::path& folder) {
  return std::ranges::any_of(EntriesOf(folder), [](const fs::path& path) {
    return !HasRole(path) && !StructureFiles(path).empty();
  });
}

}  // namespace

std::vector<fs::path> EntriesOf(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (!IsHidden(it->path())) entries.push_back(it->path());
  }
  std::ranges::sort(entries);
  return entries;
}

bool HasRole(const fs::path& folder) {
  return SurenessOf(folder, FolderRole::kImages) != Sureness::kNone ||
         SurenessOf(folder, FolderRole::kMasks) != Sureness::kNone;
}

bool HasVolumes(const fs::path& folder) {
  std::error_code error;
  bool first_dicom = true;
  for (const fs::path& path : EntriesOf(folder)) {
    if (fs::is_directory(path, error)) {
      if (!HasRole(path) && IsSeriesFolder(path)) return true;
    } else if (!HasImageName(path) && fs::is_regular_file(path, error)) {
      const bool dicom = HoldsImage(path);
      if (dicom && !std::exchange(first_dicom, false)) continue;
      if (FormatOf(path) != VolumeFormat::kNone) return true;
    }
  }
  return false;
}

fs::path FolderOf(const fs::path& dir, FolderRole role) {
  fs::path best;
  auto surest = Sureness::kNone;
  std::error_code error;
  for (const fs::path& path : EntriesOf(dir)) {
    if (!fs::is_directory(path, error)) continue;
    if (!HasVolumes(path) && !(role == FolderRole::kMasks && HasStructures(path))) continue;
    const char* training = role == FolderRole::kImages ? "imagesTr" : "labelsTr";
    const Sureness sure = path.filename() == training ? Sureness::kKnown : SurenessOf(path, role);
    if (sure < surest) std::tie(surest, best) = std::pair(sure, path);
  }
  return best;
}

bool HoldsVolumes(const fs::path& dir) {
  return HasVolumes(dir) || !FolderOf(dir, FolderRole::kImages).empty();
}

bool HoldsVolumeMasks(const fs::path& dir) { return !FolderOf(dir, FolderRole::kMasks).empty(); }

bool HoldsPictureSegmentations(const fs::path& dir) {
  for (const fs::path& path : EntriesOf(FolderOf(dir, FolderRole::kMasks))) {
    const VolumeFormat format = FormatOf(path);
    if (format == VolumeFormat::kNone) continue;
    if (format != VolumeFormat::kSegmentation) return false;
    const absl::StatusOr<DicomHeader> header = ReadDicomHeader(SeriesFiles(path).front());
    return header.ok() && !header->PlaceOf(0).position;
  }
  return false;
}

}  // namespace alignflow
