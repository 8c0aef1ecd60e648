#include "worker/volumes/volume_formats.h"

#include <array>
#include <system_error>
#include <vector>

#include "absl/strings/ascii.h"
#include "worker/data/image_file.h"
#include "worker/dicom/dicom_header.h"
#include "worker/dicom/dicom_kind.h"
#include "worker/volumes/dicom_segmentation.h"
#include "worker/volumes/dicom_series.h"
#include "worker/volumes/grid_drawing.h"
#include "worker/volumes/nrrd_file.h"
#include "worker/volumes/volume_file.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kNrrdEnding = ".nrrd", kSegmentationEnding = ".seg.nrrd";

std::string LowerName(const fs::path& path) {
  return absl::AsciiStrToLower(path.filename().string());
}

// `part` on `whole`, 0 around. InvalidArgument where their voxels are not the same, or `part`
// reaches out of `whole` with what is not 0.
absl::StatusOr<Volume> PutInto(const Volume& part, const VolumeGrid& whole) {
  const std::array<double, 12>& affine = part.grid.affine;
  Voxel first{};
  VolumeGrid expected{.size = part.grid.size, .affine = whole.affine};
  const bool near = VoxelFinder(whole).Find({affine[3], affine[7], affine[11]}, 0.1, first);
  for (size_t row = 0; row < 3; ++row) {
    for (size_t axis = 0; axis < 3; ++axis) {
      expected.affine[4 * row + 3] +=
          whole.affine[4 * row + axis] * static_cast<double>(first[axis]);
    }
  }
  if (!near || !IsSameGrid(part.grid, expected)) {
    return absl::InvalidArgumentError(
        "the segmentation does not lie on its volume's voxels (another place, direction or "
        "spacing); give the images it was drawn on, or resample it to them");
  }
  GridDrawing drawing(whole);
  for (int64_t k = 0; k < part.grid.size[2]; ++k) {
    for (int64_t j = 0; j < part.grid.size[1]; ++j) {
      for (int64_t i = 0; i < part.grid.size[0]; ++i) {
        const float value = part.At(i, j, k);
        if (value != 0) drawing.Set({first[0] + i, first[1] + j, first[2] + k}, value);
      }
    }
  }
  return drawing.Take();
}

}  // namespace

VolumeFormat FormatOf(const fs::path& path) {
  std::error_code error;
  const bool folder = fs::is_directory(path, error);
  if (!folder) {
    if (HasVolumeName(path)) return VolumeFormat::kNifti;
    if (LowerName(path).ends_with(kNrrdEnding)) return VolumeFormat::kNrrd;
    if (HasImageName(path) || !HoldsImage(path)) return VolumeFormat::kNone;
  }
  const std::vector<fs::path> files = SeriesFiles(path);
  if (files.size() == 1) {
    const absl::StatusOr<DicomHeader> header = ReadDicomHeader(files.front());
    if (header.ok() && IsSegmentation(*header)) return VolumeFormat::kSegmentation;
    if (!folder && !(header.ok() && IsVolumeFile(*header))) return VolumeFormat::kNone;
  }
  return files.empty() ? VolumeFormat::kNone : VolumeFormat::kSeries;
}

bool IsDicomFormat(VolumeFormat format) {
  return format == VolumeFormat::kSeries || format == VolumeFormat::kSegmentation;
}

std::string StemOfVolume(const fs::path& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return path.filename().string();
  if (HasVolumeName(path)) return VolumeStem(path);
  const std::string name = path.filename().string(), lower = LowerName(path);
  for (const std::string_view ending : {kSegmentationEnding, kNrrdEnding}) {
    if (lower.ends_with(ending)) return name.substr(0, name.size() - ending.size());
  }
  return DicomStem(path);
}

absl::StatusOr<Volume> ReadAnyVolume(const fs::path& path) {
  switch (FormatOf(path)) {
    case VolumeFormat::kNrrd:
      return ReadNrrd(path);
    case VolumeFormat::kSeries:
      return ReadSeries(path);
    case VolumeFormat::kSegmentation:
      return absl::InvalidArgumentError(
          "it is a segmentation, and no image; move it to the masks, and its images here");
    default:
      return ReadVolume(path);
  }
}

absl::StatusOr<int64_t> CountVoxels(const fs::path& path) {
  switch (FormatOf(path)) {
    case VolumeFormat::kNrrd: {
      const absl::StatusOr<NrrdHeader> header = ReadNrrdHeader(path);
      if (!header.ok()) return header.status();
      return header->voxels.grid.voxels();
    }
    case VolumeFormat::kSeries: {
      const absl::StatusOr<VolumeGrid> grid = ReadSeriesGrid(path);
      if (!grid.ok()) return grid.status();
      return grid->voxels();
    }
    case VolumeFormat::kSegmentation:
      return 0;
    default: {
      const absl::StatusOr<NiftiHeader> header = ReadVolumeHeader(path);
      if (!header.ok()) return header.status();
      return header->grid.voxels();
    }
  }
}

absl::StatusOr<Volume> ReadAnyMask(const fs::path& path, const VolumeGrid& image) {
  const VolumeFormat format = FormatOf(path);
  if (format == VolumeFormat::kSegmentation) {
    return ReadSegmentation(SeriesFiles(path).front(), image);
  }
  absl::StatusOr<Volume> mask = ReadAnyVolume(path);
  if (!mask.ok() || format != VolumeFormat::kNrrd) return mask;
  const absl::StatusOr<NrrdHeader> header = ReadNrrdHeader(path);
  if (!header.ok() || !header->segmentation) return mask;
  return PutInto(*mask, image);
}

}  // namespace alignflow
