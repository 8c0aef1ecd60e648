#include "client/pair_format.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace alignflow {
namespace {

struct Layout {
  const char* name;
  const char *images, *image_mark;  // what stands behind a pair's number
  const char* masks;
  const char* index;
  bool classes;
  const char* ending = nullptr;  // of all files; null: those of the content
};

// In the order of PairFormat.
constexpr Layout kLayouts[] = {
    {"folder", "images", "", "masks", "", false},
    // nnU-Net reads the three channels of an RGB image from one file, whose name ends in _0000.
    {"nnunet", "imagesTr", "_0000", "labelsTr", "dataset.json", true},
    {"imagefolder", "images", "", "masks", "labels.txt", true},
    {"coco", "images", "", "masks", "annotations/instances.json", false},
    {"dicom", "images", "", "masks", "", true, ".dcm"},
};

const Layout& LayoutOf(PairFormat format) { return kLayouts[static_cast<size_t>(format)]; }

const char* EndingOf(const Layout& layout, PairContent content) {
  if (layout.ending != nullptr) return layout.ending;
  return content == PairContent::kVolumes ? ".nii.gz" : ".png";
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
  const bool volumes = format == PairFormat::kFolder || format == PairFormat::kNnunet ||
                       format == PairFormat::kDicom;
  if (content == PairContent::kPictures || volumes) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "--format ", PairFormatName(format),
      " is of pictures, and the job's pairs are volumes; pull them as folder, nnunet or dicom"));
}

std::string ImageName(PairFormat format, PairContent content, int pair) {
  const Layout& layout = LayoutOf(format);
  return absl::StrFormat("%s/%06d%s%s", layout.images, pair, layout.image_mark,
                         EndingOf(layout, content));
}

std::string MaskName(PairFormat format, PairContent content, int pair) {
  const Layout& layout = LayoutOf(format);
  return absl::StrFormat("%s/%06d%s", layout.masks, pair, EndingOf(layout, content));
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

bool RewritesImages(PairFormat format) { return format == PairFormat::kDicom; }

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
