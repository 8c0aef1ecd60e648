#include "worker/sets/volume_row.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/settings/settings.h"
#include "common/status_conversion.h"
#include "worker/alignment/slice_features.h"
#include "worker/data/item_facts.h"
#include "worker/volumes/mask_facts.h"
#include "worker/volumes/resample.h"
#include "worker/volumes/volume_file.h"
#include "worker/volumes/volume_window.h"

namespace alignflow {
namespace {

absl::Status Named(const absl::Status& status, const std::string& name) {
  return absl::Status(status.code(), absl::StrCat(name, ": ", std::string(status.message())));
}

// A volume's place, as rows hold it.
void WritePlace(const Volume& volume, const ValueRange& range, const VolumeRows& place) {
  for (int64_t i = 0; i < 3; ++i) place.sizes[i].fill_(volume.grid.size[i]);
  for (int64_t i = 0; i < 12; ++i) place.affines[i].fill_(volume.grid.affine[i]);
  place.ranges[0].fill_(range.low);
  place.ranges[1].fill_(range.high);
}

VolumeGrid GridIn(const VolumeRows& place) {
  VolumeGrid grid;
  for (int64_t i = 0; i < 3; ++i) grid.size[i] = place.sizes[i].item<int64_t>();
  for (int64_t i = 0; i < 12; ++i) grid.affine[i] = place.affines[i].item<float>();
  return grid;
}

std::vector<int> SizesWith(int side) {
  std::vector<int> sizes;
  for (const auto& [preset, size] : PresetSizes(3)) sizes.push_back(size);
  if (std::ranges::find(sizes, side) == sizes.end()) sizes.push_back(side);
  return sizes;
}

absl::Status DecodeMask(const std::string& name, const Volume& mask, const LabelTable& labels,
                        const CubePlan& plan, const at::Tensor& row, MaskFacts& facts) {
  std::vector<uint8_t> all(mask.voxels.begin(), mask.voxels.end());
  if (absl::Status status = labels.CheckMask(all, name); !status.ok()) return status;
  facts = FactsOf(
      StructuresOfVolume(mask.voxels, mask.grid, SizesWith(static_cast<int>(plan.side))), labels);
  const std::vector<float> inner = ResampleLabels(mask.voxels, mask.grid.size, plan.inner);
  std::vector<uint8_t> classes(inner.begin(), inner.end());
  labels.ToClasses(classes);
  row.zero_();  // the background's class
  PutIntoCube(classes, plan, row.mutable_data_ptr<uint8_t>());
  return absl::OkStatus();
}

// The slice of each axis [D,H,W] that a volume is shown by.
std::array<int64_t, 3> Middle(const at::Tensor& classes, int64_t side) {
  std::array<int64_t, 3> middle{side / 2, side / 2, side / 2};
  if (!classes.defined()) return middle;
  const at::Tensor places = classes.gt(0).nonzero();  // [n,3]
  if (places.size(0) == 0) return middle;
  const at::Tensor mean = places.to(at::kDouble).mean(0);
  for (int64_t axis = 0; axis < 3; ++axis) {
    middle[axis] = std::clamp<int64_t>(std::llround(mean[axis].item<double>()), 0, side - 1);
  }
  return middle;
}

}  // namespace

absl::Status DecodeVolume(const std::string& name, const std::filesystem::path& image,
                          const std::filesystem::path& mask, const LabelTable& labels,
                          const at::Tensor& image_row, const at::Tensor& classes_row,
                          const VolumeRows& place, MaskFacts& facts) {
  absl::StatusOr<Volume> volume = ReadVolume(image);
  if (!volume.ok()) return Named(volume.status(), name);
  const CubePlan plan = PlanCube(volume->grid, image_row.size(-1));
  const ValueRange range =
      volume->low < volume->high ? ValueRange{volume->low, volume->high} : OwnRange(volume->voxels);
  const std::vector<float> inner = ResampleValues(volume->voxels, volume->grid.size, plan.inner);
  std::vector<uint8_t> bytes(inner.size());
  std::ranges::transform(inner, bytes.begin(), [&](float value) { return range.ByteOf(value); });
  image_row.zero_();
  PutIntoCube(bytes, plan, image_row.mutable_data_ptr<uint8_t>());
  WritePlace(*volume, range, place);
  if (mask.empty()) return absl::OkStatus();
  volume->voxels = {};
  const std::string mask_name = absl::StrCat(name, " (mask)");
  const absl::StatusOr<Volume> labelled = ReadVolume(mask);
  if (!labelled.ok()) return Named(labelled.status(), mask_name);
  if (!IsSameGrid(labelled->grid, volume->grid)) {
    return absl::InvalidArgumentError(
        absl::StrCat(mask_name, ": its grid is not its volume's; push the dataset again"));
  }
  return DecodeMask(mask_name, *labelled, labels, plan, classes_row, facts);
}

VolumePair EncodeVolumes(const at::Tensor& image, const at::Tensor& classes,
                         const LabelTable& labels, const VolumeRows& place) {
  const CubePlan plan = PlanCube(GridIn(place), image.size(-1));
  const ValueRange range{place.ranges[0].item<float>(), place.ranges[1].item<float>()};
  const at::Tensor voxels = image.contiguous(), numbers = classes.contiguous();
  const std::vector<uint8_t> bytes = TakeFromCube(voxels.const_data_ptr<uint8_t>(), plan);
  std::vector<uint8_t> values = TakeFromCube(numbers.const_data_ptr<uint8_t>(), plan);
  labels.ToValues(values);
  Volume made{.grid = plan.grid, .voxels = {}, .low = range.low, .high = range.high};
  // Of ranges that are wide enough whole numbers are as fine as the network's 256 steps.
  const bool whole = range.high - range.low >= 255 && range.low >= -32768 && range.high <= 32767;
  made.voxels.resize(bytes.size());
  std::ranges::transform(bytes, made.voxels.begin(),
                         [&](uint8_t byte) { return range.ValueOf(byte); });
  Volume mask{.grid = plan.grid, .voxels = {values.begin(), values.end()}};
  return {PackVolume(made, whole ? NiftiType::kInt16 : NiftiType::kFloat32),
          PackVolume(mask, NiftiType::kUint8)};
}

CubePart PartOfCube(const VolumeRows& place, int64_t side) {
  const CubePlan plan = PlanCube(GridIn(place), side);
  // [k][j][i]
  return {.first = {plan.first[2], plan.first[1], plan.first[0]},
          .size = {plan.inner[2], plan.inner[1], plan.inner[0]}};
}

Pictures PicturesOf(const at::Tensor& images, const at::Tensor& classes) {
  if (images.dim() != 5) return {images, classes};
  std::vector<at::Tensor> pictures, masks;
  for (int64_t row = 0; row < images.size(0); ++row) {
    const at::Tensor own = classes.defined() ? classes[row] : at::Tensor();
    const std::array<int64_t, 3> middle = Middle(own, images.size(-1));
    pictures.push_back(SlicesSideBySide(images[row][0], middle).unsqueeze(0).expand({3, -1, -1}));
    if (own.defined()) masks.push_back(SlicesSideBySide(own, middle));
  }
  return {at::stack(pictures), masks.empty() ? at::Tensor() : at::stack(masks)};
}

ImageSet AsPictures(ImageSet set) {
  Pictures pictures = PicturesOf(set.images, set.classes);
  set.images = std::move(pictures.images);
  set.classes = std::move(pictures.classes);
  set.volumes = {};
  return set;
}

}  // namespace alignflow
