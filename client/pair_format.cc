#include "client/pair_format.h"

#include <algorithm>
#include <opencv2/core/mat.hpp>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "worker/data/image_decode.h"

namespace alignflow {
namespace {

struct Layout {
  const char* name;
  const char *images, *image_ending;
  const char* masks;
  const char* index;
  bool classes;
};

// In the order of PairFormat.
constexpr Layout kLayouts[] = {
    {"folder", "images", ".png", "masks", "", false},
    // nnU-Net reads the three channels of an RGB image from one file, whose name ends in _0000.
    {"nnunet", "imagesTr", "_0000.png", "labelsTr", "dataset.json", true},
    {"imagefolder", "images", ".png", "masks", "labels.txt", true},
    {"coco", "images", ".png", "masks", "annotations/instances.json", false},
};

const Layout& LayoutOf(PairFormat format) { return kLayouts[static_cast<size_t>(format)]; }

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

std::string ImageName(PairFormat format, int pair) {
  const Layout& layout = LayoutOf(format);
  return absl::StrFormat("%s/%06d%s", layout.images, pair, layout.image_ending);
}

std::string MaskName(PairFormat format, int pair) {
  return absl::StrFormat("%s/%06d.png", LayoutOf(format).masks, pair);
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

absl::StatusOr<std::string> ClassMask(std::string_view png, const std::string& name,
                                      const LabelTable& labels) {
  absl::StatusOr<cv::Mat> mask = DecodeMask(png, name, &labels);
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
