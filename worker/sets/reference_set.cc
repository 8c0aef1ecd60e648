#include "worker/sets/reference_set.h"

#include <opencv2/core/mat.hpp>

#include "absl/strings/str_cat.h"
#include "common/data/groups.h"
#include "worker/data/letterbox.h"
#include "worker/sets/dataset_decode.h"
#include "worker/sets/pixels.h"
#include "worker/stores/model_file.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_spec.h"

namespace alignflow {
namespace {

DatasetManifest ReferenceManifest(TaskContext& context, const TaskSpec& spec, int64_t most) {
  DatasetManifest manifest = LoadManifest(context, Input(spec, "references"));
  const auto count = static_cast<int64_t>(manifest.items.size());
  if (count <= most) return manifest;
  for (int64_t i = 0; i < most; ++i) manifest.items[i] = manifest.items[i * count / most];
  manifest.items.resize(most);
  return manifest;
}

// The pictures, small, as views are looked for in them.
std::vector<cv::Mat> SmallPictures(TaskContext& context, const DatasetManifest& manifest) {
  std::vector<cv::Mat> pictures;
  DecodeDataset(context, manifest, kViewSide, PictureUse::kWhole, [&](const DecodedItems& decoded) {
    for (int64_t i = 0; i < decoded.images.size(0); ++i) {
      const DatasetItem& item = manifest.items[decoded.first + i];
      pictures.push_back(CropLetterbox(ImageOfTensor(decoded.images[i]),
                                       PlanLetterbox(item.width, item.height, kViewSide)));
    }
  });
  return pictures;
}

void ReadReferences(TaskContext& context, const DatasetManifest& manifest, int64_t size,
                    PictureUse use, const std::function<void(const DecodedItems&)>& take) {
  std::vector<View> views;
  if (use == PictureUse::kView) views = FindViews(SmallPictures(context, manifest));
  DecodeDataset(context, manifest, size, use, take, views.empty() ? nullptr : &views);
}

// Of the references that a task learns from.
DatasetManifest LearnedManifest(TaskContext& context, const TaskSpec& spec) {
  const int64_t wanted = IntegerSetting(spec, "align.references");
  DatasetManifest manifest = ReferenceManifest(context, spec, wanted == 0 ? INT64_MAX : wanted);
  const auto given = static_cast<int64_t>(manifest.items.size());
  if (wanted <= given) return manifest;
  throw TaskError(absl::InvalidArgumentError(absl::StrCat(
      "align.references asks for ", wanted, " references, but only ", given, " are given")));
}

ImageSet LoadOf(TaskContext& context, const TaskSpec& spec, const DatasetManifest& manifest) {
  const int64_t size = ImageSize(spec);
  const PictureUse use = UseOfPictures(spec);
  ImageSet set;
  set.labels = manifest.labels;
  set.note = ResizingNote(manifest, size, use);
  set.image_digests = ImageDigests(manifest);
  for (const DatasetItem& item : manifest.items) {
    set.names.push_back(item.name);
    set.groups.push_back(GroupOf(item));
  }
  std::vector<at::Tensor> images, classes;
  std::vector<ViewRows> rows;
  std::vector<VolumeRows> volumes;
  ReadReferences(context, manifest, size, use, [&](const DecodedItems& decoded) {
    images.push_back(decoded.images);
    if (decoded.classes.defined()) classes.push_back(decoded.classes);
    rows.push_back(decoded.views);
    volumes.push_back(decoded.volumes);
  });
  set.images = at::cat(images);
  if (!classes.empty()) set.classes = at::cat(classes);
  set.views = ViewRows::Joined(rows);
  set.volumes = VolumeRows::Joined(volumes);
  return set;
}

}  // namespace

ImageSet LoadReferences(TaskContext& context, const TaskSpec& spec, int64_t most) {
  return LoadOf(context, spec, ReferenceManifest(context, spec, most));
}

ImageSet LoadLearnedReferences(TaskContext& context, const TaskSpec& spec) {
  return LoadOf(context, spec, LearnedManifest(context, spec));
}

void ReadLearnedReferences(TaskContext& context, const TaskSpec& spec, int64_t size,
                           const std::function<void(const DecodedItems&)>& take) {
  ReadReferences(context, LearnedManifest(context, spec), size, UseOfPictures(spec), take);
}

std::vector<std::string> NamesOfLearnedReferences(TaskContext& context, const TaskSpec& spec) {
  std::vector<std::string> names;
  for (const DatasetItem& item : LearnedManifest(context, spec).items) names.push_back(item.name);
  return names;
}

ReferenceFrames LoadReferenceFrames(TaskContext& context, const TaskSpec& spec) {
  const DatasetManifest manifest = ReferenceManifest(context, spec, INT64_MAX);
  const std::vector<cv::Mat> pictures = SmallPictures(context, manifest);
  ReferenceFrames found;
  for (const DatasetItem& item : manifest.items) found.names.push_back(item.name);
  found.frames = CommonFrames(pictures, FindViews(pictures));
  return found;
}

}  // namespace alignflow
