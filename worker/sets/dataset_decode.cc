#include "worker/sets/dataset_decode.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <filesystem>
#include <span>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "worker/data/image_decode.h"
#include "worker/data/image_file.h"
#include "worker/data/item_facts.h"
#include "worker/data/letterbox.h"
#include "worker/data/memory_gate.h"
#include "worker/framing/view_cut.h"
#include "worker/sets/pixels.h"
#include "worker/sets/volume_row.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_spec.h"

namespace alignflow {
namespace {

constexpr int64_t kChunkBytes = int64_t{256} << 20;  // of decoded items
constexpr size_t kSourceBytes = size_t{1}
                                << 30;  // of pixels on their way, as they are in the files
constexpr size_t kBytesOfPixel = 8;     // of an image of 16 bits, and its mask
constexpr size_t kBytesOfVoxel = 12;    // of a volume, its mask and what is made of them
constexpr int64_t kMostTogether = 64;   // between two looks at the cancel flag
constexpr size_t kNamedFaults = 20;

struct ItemFiles {
  std::filesystem::path image;
  std::filesystem::path mask;
};

absl::Status CheckSize(const cv::Mat& pixels, const DatasetItem& item, const char* what) {
  if (pixels.cols == item.width && pixels.rows == item.height) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      item.name, ": the ", what, " is ", pixels.cols, "x", pixels.rows, " pixels, but the manifest",
      " says ", item.width, "x", item.height, "; push the dataset again"));
}

// How an item's picture and mask come to the size of the set.
struct Placing {
  int size = 0;
  PictureUse use = PictureUse::kWhole;
  const View* known = nullptr;  // the view, at any size, if it need not be looked for
};

// The rows of an item.
struct ItemRows {
  at::Tensor image, classes;
  ViewRows views;  // undefined where the whole picture is used
  VolumeRows volumes;
};

void WriteView(const View& view, int size, const ViewRows& rows) {
  rows.shapes.copy_(TensorOfMask(ShapeAt(view, {size, size})).ne(0));
  rows.places.copy_(
      at::tensor({view.width, view.height, view.box.x, view.box.y, view.box.width, view.box.height},
                 at::kLong));
  rows.borders.copy_(at::tensor({view.border[2], view.border[1], view.border[0]}, at::kByte));
}

// Decodes, checks and resizes one item into the tensors' rows.
absl::Status DecodeItem(const DatasetItem& item, const ItemFiles& files,
                        const DatasetManifest& manifest, const Placing& placing,
                        const ItemRows& rows, MaskFacts& facts) {
  const LabelTable& labels = manifest.labels;
  if (item.depth > 0) {
    return DecodeVolume(item.name, files.image, files.mask, labels, rows.image, rows.classes,
                        rows.volumes, facts);
  }
  const LetterboxPlan plan = PlanLetterbox(item.width, item.height, placing.size);
  const cv::Size square(placing.size, placing.size);
  auto bytes = ReadImageFile(files.image);
  if (!bytes.ok()) return bytes.status();
  auto image = DecodeImage(*bytes, item.name, manifest.sample_bits);
  if (!image.ok()) return image.status();
  if (absl::Status status = CheckSize(*image, item, "image"); !status.ok()) return status;
  View view;
  if (placing.use == PictureUse::kView) {
    view = placing.known ? AtSize(*placing.known, image->cols, image->rows) : FindView(*image);
    WriteView(view, placing.size, rows.views);
    rows.image.copy_(TensorOfImage(CutImage(*image, view, square)));
  } else {
    rows.image.copy_(TensorOfImage(LetterboxImage(*image, plan)));
  }
  if (item.mask.empty()) return absl::OkStatus();
  const std::string mask_name = absl::StrCat(item.name, " (mask)");
  auto mask_bytes = ReadImageFile(files.mask);
  if (!mask_bytes.ok()) return mask_bytes.status();
  auto mask = DecodeMask(*mask_bytes, mask_name, &labels);
  if (!mask.ok()) return mask.status();
  if (absl::Status status = CheckSize(*mask, item, "mask"); !status.ok()) return status;
  const std::span<const uint8_t> pixels(mask->data, mask->total());
  if (absl::Status status = labels.CheckMask(pixels, mask_name); !status.ok()) return status;
  facts = FactsOfMask(*mask, labels, placing.size);
  cv::Mat boxed = placing.use == PictureUse::kView
                      ? CutMask(*mask, view, square, labels.background())
                      : LetterboxMask(*mask, plan, labels.background());
  labels.ToClasses(std::span<uint8_t>(boxed.data, boxed.total()));
  rows.classes.copy_(TensorOfMask(boxed));
  return absl::OkStatus();
}

// An item's share of the memory for pixels, for as long as it lives.
class Admission {
 public:
  Admission(MemoryGate& gate, const DatasetItem& item)
      : gate_(gate),
        bytes_((item.depth > 0 ? kBytesOfVoxel * item.depth : kBytesOfPixel) *
               static_cast<size_t>(item.width) * item.height) {
    gate_.Enter(bytes_);
  }
  ~Admission() { gate_.Leave(bytes_); }
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

 private:
  MemoryGate& gate_;
  size_t bytes_;
};

LetterboxPlan PlanOf(const DatasetItem& item, int64_t size) {
  return PlanLetterbox(item.width, item.height, static_cast<int>(size));
}

// Of a file of each item: uint8 [N,32].
at::Tensor DigestsOf(const DatasetManifest& manifest, std::string DatasetItem::*file) {
  at::Tensor digests = at::empty({static_cast<int64_t>(manifest.items.size()), 32}, at::kByte);
  uint8_t* to = digests.mutable_data_ptr<uint8_t>();
  for (const DatasetItem& item : manifest.items) {
    const std::string bytes = absl::HexStringToBytes(item.*file);
    to = std::copy(bytes.begin(), bytes.end(), to);
  }
  return digests;
}

std::string HexOf(const at::Tensor& digest) {
  return absl::BytesToHexString(
      {reinterpret_cast<const char*>(digest.const_data_ptr<uint8_t>()), 32});
}

std::vector<ItemFiles> FetchItems(TaskContext& context, std::span<const DatasetItem> items) {
  std::vector<std::string> digests;
  for (const DatasetItem& item : items) {
    digests.push_back(item.image);
    if (!item.mask.empty()) digests.push_back(item.mask);
  }
  ThrowIfError(context.Prefetch(digests));
  std::vector<ItemFiles> files;
  for (const DatasetItem& item : items) {
    files.push_back({.image = ValueOrThrow(context.Fetch(item.image)), .mask = {}});
    if (!item.mask.empty()) files.back().mask = ValueOrThrow(context.Fetch(item.mask));
  }
  return files;
}

// The faults of items, of which the first are named.
class Faults {
 public:
  // Throws what is no item's fault.
  void Add(const absl::Status& status) {
    if (status.ok()) return;
    if (!absl::IsInvalidArgument(status)) throw TaskError(status);
    if (named_.size() < kNamedFaults) named_.emplace_back(status.message());
    ++count_;
  }
  bool any() const { return count_ > 0; }

  void ThrowIfAny(size_t items) const {
    if (count_ == 0) return;
    if (count_ == 1) throw TaskError(absl::InvalidArgumentError(named_.front()));
    std::string text = absl::StrCat(count_, " of ", items, " items cannot be used:");
    for (const std::string& fault : named_) absl::StrAppend(&text, "\n  ", fault);
    if (count_ > named_.size()) absl::StrAppend(&text, "\n  and ", count_ - named_.size(), " more");
    throw TaskError(absl::InvalidArgumentError(text));
  }

 private:
  std::vector<std::string> named_;
  size_t count_ = 0;
};

}  // namespace

DatasetManifest LoadManifest(TaskContext& context, const std::string& digest) {
  return ValueOrThrow(ParseManifest(FetchBytes(context, digest)));
}

PictureUse UseOfPictures(const TaskSpec& spec) {
  if (!spec.settings.contains("pictures")) return PictureUse::kWhole;
  const std::string use = TextSetting(spec, "pictures");
  if (use == "view") return PictureUse::kView;
  if (use == "whole") return PictureUse::kWhole;
  throw TaskError(absl::InvalidArgumentError("pictures must be view or whole"));
}

std::string ResizingNote(const DatasetManifest& manifest, int64_t size, PictureUse use) {
  if (manifest.volumes()) {
    return absl::StrCat(manifest.items.size(), " volumes -> cubes of ", size, " voxels a side");
  }
  if (use == PictureUse::kView) {
    return absl::StrCat("fields of view of ", manifest.items.size(), " images -> ", size, "x",
                        size);
  }
  std::vector<LetterboxPlan> plans;
  for (const DatasetItem& item : manifest.items) plans.push_back(PlanOf(item, size));
  return DescribeLetterbox(plans);
}

at::Tensor ImageDigests(const DatasetManifest& manifest) {
  return DigestsOf(manifest, &DatasetItem::image);
}

at::Tensor MaskFileDigests(const DatasetManifest& manifest) {
  return DigestsOf(manifest, &DatasetItem::mask);
}

at::Tensor PictureSizes(const DatasetManifest& manifest) {
  at::Tensor sizes = at::empty({static_cast<int64_t>(manifest.items.size()), 2}, at::kLong);
  int64_t* to = sizes.mutable_data_ptr<int64_t>();
  for (const DatasetItem& item : manifest.items) {
    *to++ = item.width;
    *to++ = item.height;
  }
  return sizes;
}

DatasetManifest ManifestOf(const ImageSet& set, const std::vector<int64_t>& items) {
  if (!set.files.defined()) {
    throw TaskError(absl::InvalidArgumentError(
        "the prepared dataset does not say what its files are, so nothing can be read anew"));
  }
  DatasetManifest manifest{.labels = set.labels, .items = {}, .sample_bits = set.files.sample_bits};
  for (const int64_t item : items) {
    const bool volume = set.volumes.defined();
    const at::Tensor row = (volume ? set.volumes.sizes : set.files.sizes)[item];
    const int64_t* size = row.const_data_ptr<int64_t>();
    manifest.items.push_back({.name = set.names.at(item),
                              .image = HexOf(set.image_digests[item]),
                              .mask = HexOf(set.files.masks[item]),
                              .width = static_cast<int>(size[0]),
                              .height = static_cast<int>(size[1]),
                              .depth = volume ? static_cast<int>(size[2]) : 0});
  }
  return manifest;
}

void DecodeDataset(TaskContext& context, const DatasetManifest& manifest, int64_t size,
                   PictureUse use, const std::function<void(const DecodedItems&)>& take,
                   const std::vector<View>* views) {
  const bool masks = manifest.kind == DatasetKind::kDataset;
  const auto count = static_cast<int64_t>(manifest.items.size());
  const bool volumes = manifest.volumes();
  const int64_t pixels = size * size * (volumes ? size : 1);
  const int64_t together = std::clamp<int64_t>(kChunkBytes / (4 * pixels), 1, kMostTogether);
  Faults faults;
  MemoryGate gate(kSourceBytes);
  for (int64_t begin = 0; begin < count; begin += together) {
    if (context.Cancelled()) throw TaskError(absl::CancelledError("the task was cancelled"));
    const int64_t taken = std::min(together, count - begin);
    const std::span<const DatasetItem> items(manifest.items.data() + begin, taken);
    const std::vector<ItemFiles> files = FetchItems(context, items);
    DecodedItems decoded{.first = begin,
                         .images = at::empty(ShapeOfImages(taken, size, volumes), at::kByte),
                         .classes = masks
                                        ? at::empty(ShapeOfClasses(taken, size, volumes), at::kByte)
                                        : at::Tensor()};
    if (volumes) decoded.volumes = VolumeRows::Empty(taken);
    if (use == PictureUse::kView) decoded.views = ViewRows::Empty(taken, size);
    std::vector<absl::Status> statuses(taken);
    std::vector<MaskFacts> facts(taken);
    at::parallel_for(0, taken, 1, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) {
        const Admission admitted(gate, items[i]);
        const Placing placing{static_cast<int>(size), use, views ? &(*views)[begin + i] : nullptr};
        statuses[i] = DecodeItem(items[i], files[i], manifest, placing,
                                 {.image = decoded.images[i],
                                  .classes = masks ? decoded.classes[i] : at::Tensor(),
                                  .views = decoded.views.Row(i),
                                  .volumes = decoded.volumes.Row(i)},
                                 facts[i]);
      }
    });
    for (const absl::Status& status : statuses) faults.Add(status);
    for (const MaskFacts& part : facts) Add(part, decoded.masks);
    if (!faults.any()) take(decoded);
  }
  faults.ThrowIfAny(manifest.items.size());
}

}  // namespace alignflow
