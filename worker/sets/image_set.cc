#include "worker/sets/image_set.h"

#include <ATen/Parallel.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/data/manifest.h"
#include "worker/data/image_decode.h"
#include "worker/data/image_folder.h"
#include "worker/data/item_facts.h"
#include "worker/data/letterbox.h"
#include "worker/sets/pixels.h"
#include "worker/stores/model_file.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_spec.h"

namespace alignflow {
namespace {

constexpr int64_t kDecodeChunk = 32;  // images decoded between two looks at the cancel flag

struct ItemFiles {
  std::filesystem::path image;
  std::filesystem::path mask;
};

DatasetManifest LoadManifest(TaskContext& context, const std::string& digest, int64_t most) {
  DatasetManifest manifest = ValueOrThrow(ParseManifest(FetchBytes(context, digest)));
  const int64_t count = static_cast<int64_t>(manifest.items.size());
  if (count > most) {
    for (int64_t i = 0; i < most; ++i) manifest.items[i] = manifest.items[i * count / most];
    manifest.items.resize(most);
  }
  return manifest;
}

absl::Status CheckSize(const cv::Mat& pixels, const DatasetItem& item, const char* what) {
  if (pixels.cols == item.width && pixels.rows == item.height) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      item.name, ": the ", what, " is ", pixels.cols, "x", pixels.rows, " pixels, but the manifest",
      " says ", item.width, "x", item.height, "; push the dataset again"));
}

// Decodes, checks and resizes one item into the tensors' rows.
absl::Status DecodeItem(const DatasetItem& item, const ItemFiles& files, const LabelTable& labels,
                        int sample_bits, const LetterboxPlan& plan, at::Tensor image_row,
                        at::Tensor class_row, MaskFacts* facts) {
  auto bytes = ReadImageFile(files.image);
  if (!bytes.ok()) return bytes.status();
  auto image = DecodeImage(*bytes, item.name, sample_bits);
  if (!image.ok()) return image.status();
  if (absl::Status status = CheckSize(*image, item, "image"); !status.ok()) return status;
  image_row.copy_(TensorOfImage(LetterboxImage(*image, plan)));
  if (item.mask.empty()) return absl::OkStatus();
  const std::string mask_name = absl::StrCat(item.name, " (mask)");
  auto mask_bytes = ReadImageFile(files.mask);
  if (!mask_bytes.ok()) return mask_bytes.status();
  auto mask = DecodeMask(*mask_bytes, mask_name, &labels);
  if (!mask.ok()) return mask.status();
  if (absl::Status status = CheckSize(*mask, item, "mask"); !status.ok()) return status;
  const std::span<const uint8_t> pixels(mask->data, mask->total());
  if (absl::Status status = labels.CheckMask(pixels, mask_name); !status.ok()) return status;
  if (facts) *facts = FactsOfMask(*mask, labels, plan.size);
  cv::Mat boxed = LetterboxMask(*mask, plan, labels.background());
  labels.ToClasses(std::span<uint8_t>(boxed.data, boxed.total()));
  class_row.copy_(TensorOfMask(boxed));
  return absl::OkStatus();
}

}  // namespace

ImageSet LoadImageSet(TaskContext& context, const std::string& manifest_digest, int64_t size,
                      int64_t most, MaskFacts* facts) {
  const DatasetManifest manifest = LoadManifest(context, manifest_digest, most);
  const bool masks = manifest.kind == DatasetKind::kDataset;
  std::vector<std::string> digests;
  std::vector<LetterboxPlan> plans;
  ImageSet set;
  for (const DatasetItem& item : manifest.items) {
    digests.push_back(item.image);
    if (masks) digests.push_back(item.mask);
    plans.push_back(PlanLetterbox(item.width, item.height, static_cast<int>(size)));
    set.names.push_back(item.name);
  }
  ThrowIfError(context.Prefetch(digests));
  const int64_t count = static_cast<int64_t>(manifest.items.size());
  set.images = at::empty({count, 3, size, size}, at::kByte);
  if (masks) set.classes = at::empty({count, size, size}, at::kByte);
  set.labels = manifest.labels;
  set.note = DescribeLetterbox(plans);
  for (int64_t begin = 0; begin < count; begin += kDecodeChunk) {
    if (context.Cancelled()) throw TaskError(absl::CancelledError("the task was cancelled"));
    const int64_t end = std::min(count, begin + kDecodeChunk);
    std::vector<ItemFiles> files(end - begin);
    for (int64_t i = begin; i < end; ++i) {
      files[i - begin].image = ValueOrThrow(context.Fetch(manifest.items[i].image));
      if (masks) files[i - begin].mask = ValueOrThrow(context.Fetch(manifest.items[i].mask));
    }
    std::vector<absl::Status> statuses(end - begin);
    std::vector<MaskFacts> shown(end - begin);
    at::parallel_for(begin, end, 1, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) {
        statuses[i - begin] =
            DecodeItem(manifest.items[i], files[i - begin], set.labels, manifest.sample_bits,
                       plans[i], set.images[i], masks ? set.classes[i] : at::Tensor(),
                       facts ? &shown[i - begin] : nullptr);
      }
    });
    for (const absl::Status& status : statuses) ThrowIfError(status);
    for (const MaskFacts& part : shown) {
      if (facts) Add(part, *facts);
    }
  }
  return set;
}

ImageSet LoadReferences(TaskContext& context, const TaskSpec& spec) {
  const int64_t wanted = IntegerSetting(spec, "align.references");
  ImageSet references = LoadImageSet(context, Input(spec, "references"), ImageSize(spec),
                                     wanted == 0 ? INT64_MAX : wanted);
  if (wanted <= references.size()) return references;
  throw TaskError(absl::InvalidArgumentError(absl::StrCat("align.references asks for ", wanted,
                                                          " references, but only ",
                                                          references.size(), " are given")));
}

ImageBatch TakeBatch(const ImageSet& set, const at::Tensor& items, at::Device device,
                     std::optional<at::Generator> flips) {
  at::Tensor images = set.images.index_select(0, items);
  at::Tensor classes = set.classes.index_select(0, items);
  if (flips) {
    for (const int64_t side : {-1, -2}) {
      const at::Tensor flipped = at::rand({items.size(0)}, flips).lt(0.5);
      images = at::where(flipped.view({-1, 1, 1, 1}), images.flip(side), images);
      classes = at::where(flipped.view({-1, 1, 1}), classes.flip(side), classes);
    }
  }
  return {.images = ImagesFromBytes(images, device), .classes = classes};
}

at::Tensor EquallySpaced(int64_t size, int64_t most) {
  const int64_t taken = std::min(size, most);
  return at::arange(taken, at::kLong).mul(size).div(std::max<int64_t>(taken, 1), "floor");
}

at::Tensor SampleImages(const ImageSet& set, int64_t most, at::Device device) {
  return ImagesFromBytes(set.images.index_select(0, EquallySpaced(set.size(), most)), device);
}

at::Tensor ImagesFromBytes(const at::Tensor& bytes, at::Device device) {
  return bytes.to(device).to(at::kFloat).div_(127.5).sub_(1);
}

at::Tensor BytesFromImages(const at::Tensor& images) {
  return images.clamp(-1, 1).add(1).mul(127.5).round().to(at::kByte).cpu();
}

}  // namespace alignflow
