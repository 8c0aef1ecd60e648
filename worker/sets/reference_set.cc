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

}  // namespace

ImageSet LoadReferences(TaskContext& context, const TaskSpec& spec, int64_t most) {
  return LoadReferences(context, spec, most, ImageSize(spec));
}

ImageSet LoadReferences(TaskContext& context, const TaskSpec& spec, int64_t most, int64_t size) {
  const DatasetManifest manifest = ReferenceManifest(context, spec, most);
  const PictureUse use = UseOfPictures(spec);
  std::vector<View> views;
  if (use == PictureUse::kView) views = FindViews(SmallPictures(context, manifest));
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
  DecodeDataset(
      context, manifest, size, use,
      [&](const DecodedItems& decoded) {
        images.push_back(decoded.images);
        if (decoded.classes.defined()) classes.push_back(decoded.classes);
        rows.push_back(decoded.views);
        volumes.push_back(decoded.volumes);
      },
      views.empty() ? nullptr : &views);
  set.images = at::cat(images);
  if (!classes.empty()) set.classes = at::cat(classes);
  set.views = ViewRows::Joined(rows);
  set.volumes = VolumeRows::Joined(volumes);
  return set;
}

ImageSet LoadLearnedReferences(TaskContext& context, const TaskSpec& spec) {
  return LoadLearnedReferences(context, spec, ImageSize(spec));
}

ImageSet LoadLearnedReferences(TaskContext& context, const TaskSpec& spec, int64_t size) {
  const int64_t wanted = IntegerSetting(spec, "align.references");
  ImageSet references = LoadReferences(context, spec, wanted == 0 ? INT64_MAX : wanted, size);
  if (wanted <= references.size()) return references;
  throw TaskError(absl::InvalidArgumentError(absl::StrCat("align.references asks for ", wanted,
                                                          " references, but only ",
                                                          references.size(), " are given")));
}

ReferenceFrames LoadReferenceFrames(TaskContext& context, const TaskSpec& spec, int longer) {
  const DatasetManifest manifest = ReferenceManifest(context, spec, INT64_MAX);
  const std::vector<cv::Mat> pictures = SmallPictures(context, manifest);
  ReferenceFrames found;
  for (const DatasetItem& item : manifest.items) found.names.push_back(item.name);
  found.frames = CommonFrames(pictures, FindViews(pictures), longer);
  return found;
}

}  // namespace alignflow
