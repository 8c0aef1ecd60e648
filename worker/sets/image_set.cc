#include "worker/sets/image_set.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "worker/sets/dataset_decode.h"
#include "worker/stores/model_file.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_spec.h"

namespace alignflow {

ImageSet LoadReferences(TaskContext& context, const std::string& manifest_digest, int64_t size,
                        int64_t most) {
  DatasetManifest manifest = LoadManifest(context, manifest_digest);
  const auto count = static_cast<int64_t>(manifest.items.size());
  if (count > most) {
    for (int64_t i = 0; i < most; ++i) manifest.items[i] = manifest.items[i * count / most];
    manifest.items.resize(most);
  }
  ImageSet set;
  set.labels = manifest.labels;
  set.note = ResizingNote(manifest, size);
  set.image_digests = ImageDigests(manifest);
  for (const DatasetItem& item : manifest.items) set.names.push_back(item.name);
  std::vector<at::Tensor> images, classes;
  DecodeDataset(context, manifest, size, [&](const DecodedItems& decoded) {
    images.push_back(decoded.images);
    if (decoded.classes.defined()) classes.push_back(decoded.classes);
  });
  set.images = at::cat(images);
  if (!classes.empty()) set.classes = at::cat(classes);
  return set;
}

ImageSet LoadLearnedReferences(TaskContext& context, const TaskSpec& spec) {
  const int64_t wanted = IntegerSetting(spec, "align.references");
  ImageSet references = LoadReferences(context, Input(spec, "references"), ImageSize(spec),
                                       wanted == 0 ? INT64_MAX : wanted);
  if (wanted <= references.size()) return references;
  throw TaskError(absl::InvalidArgumentError(absl::StrCat("align.references asks for ", wanted,
                                                          " references, but only ",
                                                          references.size(), " are given")));
}

ImageSet Thinned(const ImageSet& set, int64_t most) {
  const int64_t step = (set.size() + most - 1) / most;
  if (step <= 1) return set;
  const auto thin = [step](const at::Tensor& rows) {
    return rows.defined() ? rows.slice(0, 0, at::nullopt, step) : rows;
  };
  ImageSet thinned{.images = thin(set.images),
                   .classes = thin(set.classes),
                   .labels = set.labels,
                   .names = {},
                   .note = set.note,
                   .mask_digests = thin(set.mask_digests),
                   .image_digests = thin(set.image_digests)};
  for (int64_t i = 0; i < set.size(); i += step) thinned.names.push_back(set.names[i]);
  return thinned;
}

at::Tensor TakeClasses(const ImageSet& set, const at::Tensor& items) {
  const at::Tensor classes = set.classes.index_select(0, items);
  if (classes.numel() == 0 || classes.max().item<int64_t>() < set.labels.classes()) return classes;
  throw TaskError(absl::InvalidArgumentError(
      "a mask of the prepared dataset holds a class that its labels do not have: the file is not "
      "one that a prepare task wrote"));
}

ImageBatch TakeBatch(const ImageSet& set, const at::Tensor& items, at::Device device,
                     std::optional<at::Generator> flips) {
  at::Tensor images = set.images.index_select(0, items);
  at::Tensor classes = TakeClasses(set, items);
  if (flips) {
    for (const int64_t side : {-1, -2}) {
      const at::Tensor flipped = at::rand({items.size(0)}, flips).lt(0.5);
      images = at::where(flipped.view({-1, 1, 1, 1}), images.flip(side), images);
      classes = at::where(flipped.view({-1, 1, 1}), classes.flip(side), classes);
    }
  }
  return {.images = ImagesFromBytes(images, device), .classes = classes};
}

int64_t Together(const at::Tensor& images, int64_t most) {
  constexpr int64_t kPixels = int64_t{4} << 20;
  return std::clamp<int64_t>(kPixels / (images.size(2) * images.size(3)), 1, most);
}

at::Tensor EquallySpaced(int64_t size, int64_t most) {
  const int64_t taken = std::min(size, most);
  return at::arange(taken, at::kLong).mul(size).div(std::max<int64_t>(taken, 1), "floor");
}

at::Tensor ImagesFromBytes(const at::Tensor& bytes, at::Device device) {
  return bytes.to(device).to(at::kFloat).div_(127.5).sub_(1);
}

at::Tensor BytesFromImages(const at::Tensor& images) {
  return images.clamp(-1, 1).add(1).mul(127.5).round().to(at::kByte).cpu();
}

}  // namespace alignflow
