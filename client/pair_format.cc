#include "client/pair_format.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <opencv2/core/mat.hpp>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/scratch_folder.h"
#include "worker/data/image_decode.h"
#include "worker/volumes/volume_file.h"

namespace alignflow {
namespace {

struct Layout {
  const char* name;
  const char *images, *image_mark;  // what stands behind a pair's number
  const char* masks;
  const char* index;
  bool classes;
};

// In the order of PairFormat.
constexpr Layout kLayouts[] = {
    {"folder", "images", "", "masks", "", false},
    // nnU-Net reads the three channels of an RGB image from one file, whose name ends in _0000.
    {"nnunet", "imagesTr", "_0000", "labelsTr", "dataset.json", true},
    {"imagefolder", "images", "", "masks", "labels.txt", true},
    {"coco", "images", "", "masks", "annotations/instances.json", false},
};

const Layout& LayoutOf(PairFormat format) { return kLayouts[static_cast<size_t>(format)]; }

const char* EndingOf(PairContent content) {
  return content == PairContent::kVolumes ? ".nii.gz" : ".png";
}

absl::StatusOr<std::string> ClassVolume(std::string_view file, const std::string& name,
                                        const LabelTable& labels) {
  absl::StatusOr<std::unique_ptr<ScratchFolder>> scratch = ScratchFolder::Make();
  if (!scratch.ok()) return scratch.status();
  absl::Status written = (*scratch)->Write("mask.nii.gz", file);
  if (!written.ok()) return written;
  absl::StatusOr<Volume> mask = ReadVolume((*scratch)->path() / "mask.nii.gz");
  if (!mask.ok()) return absl::DataLossError(absl::StrCat(name, ": ", mask.status().message()));
  std::vector<uint8_t> values(mask->voxels.begin(), mask->voxels.end());
  absl::Status known = labels.CheckMask(values, name);
  if (!known.ok()) return absl::DataLossError(known.message());
  labels.ToClasses(values);
  mask->voxels.assign(values.begin(), values.end());
  return PackVolume(*mask, NiftiType::kUint8);
}

}  // namespace

const std::vector<std::string>& PairFormatNames() {
  static const auto* const kNames = [] {
    auto* names = new std::vector<std::string>();
    for (const Layout& layout : kLayouts) names->push_back(layout.name);
    return names;
  }();
  return *kNames;
}

std::string PairFormatName(PairFormat format) { return LayoutOf(format).name; }

PairFormat PairFormatNamed(std::string_view name) {
  const auto found = std::ranges::find(kLayouts, name, &Layout::name);
  return static_cast<PairFormat>(found - std::begin(kLayouts));
}

absl::Status CheckContent(PairFormat format, PairContent content) {
  if (content == PairContent::kPictures || format == PairFormat::kFolder ||
      format == PairFormat::kNnunet) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "--format ", PairFormatName(format),
      " is of pictures, and the job's pairs are volumes; pull them as folder or nnunet"));
}

std::string ImageName(PairFormat format, PairContent content, int pair) {
  const Layout& layout = LayoutOf(format);
  return absl::StrFormat("%s/%06d%s%s", layout.images, pair, layout.image_mark, EndingOf(content));
}

std::string MaskName(PairFormat format, PairContent content, int pair) {
  return absl::StrFormat("%s/%06d%s", LayoutOf(format).masks, pair, EndingOf(content));
}

std::vector<std::string> FoldersOf(PairFormat format) {
  const Layout& layout = LayoutOf(format);
  std::vector<std::string> folders = {layout.images, layout.masks};
  const std::string index = layout.index;
  if (const size_t slash = index.find('/'); slash != std::string::npos) {
    folders.push_back(index.substr(0, slash));
  }
  return folders;
}

std::string IndexName(PairFormat format) { return LayoutOf(format).index; }

bool HoldsClasses(PairFormat format) { return LayoutOf(format).classes; }

absl::StatusOr<std::string> ClassMask(std::string_view file, PairContent content,
                                      const std::string& name, const LabelTable& labels) {
  if (content == PairContent::kVolumes) return ClassVolume(file, name, labels);
  absl::StatusOr<cv::Mat> mask = DecodeMask(file, name, &labels);
  if (!mask.ok()) return absl::DataLossError(mask.status().message());
  for (int row = 0; row < mask->rows; ++row) {
    const std::span<uint8_t> pixels(mask->ptr(row), static_cast<size_t>(mask->cols));
    absl::Status known = labels.CheckMask(pixels, name);
    if (!known.ok()) return absl::DataLossError(known.message());
    labels.ToClasses(pixels);
  }
  return EncodePng(*mask);
}

absl::StatusOr<LabelTable> LabelsOf(const std::string& job, const v1::DatasetVersion& source) {
  if (source.labels().empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(job,
                     " was made before the coordinator kept what its source's labels are; run it "
                     "again with `afctl job rerun ",
                     job, "`, or pull its pairs without --format"));
  }
  std::vector<LabelTable::Label> labels;
  for (const v1::Label& label : source.labels()) {
    labels.push_back({label.name(), label.value(), ParseColour(label.colour())});
  }
  if (labels.front().colour) {
    return LabelTable::MakeColoured(std::move(labels), ParseColour(source.background_colour()));
  }
  return LabelTable::Make(std::move(labels), source.background());
}

}  // namespace alignflow
