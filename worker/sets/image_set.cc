#include "worker/sets/image_set.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_spec.h"

namespace alignflow {

ViewRows ViewRows::Empty(int64_t count, int64_t size) {
  return {at::empty({count, size, size}, at::kByte), at::empty({count, 6}, at::kLong),
          at::empty({count, 3}, at::kByte)};
}

ViewRows ViewRows::Row(int64_t row) const {
  if (!defined()) return {};
  return {shapes[row], places[row], borders[row]};
}

ViewRows ViewRows::Joined(const std::vector<ViewRows>& parts) {
  if (parts.empty() || !parts[0].defined()) return {};
  ViewRows all;
  for (at::Tensor ViewRows::*rows : {&ViewRows::shapes, &ViewRows::places, &ViewRows::borders}) {
    std::vector<at::Tensor> list;
    for (const ViewRows& part : parts) list.push_back(part.*rows);
    all.*rows = at::cat(list);
  }
  return all;
}

ViewRows ViewRows::Thinned(int64_t step) const {
  if (!defined()) return {};
  const auto thin = [step](const at::Tensor& rows) { return rows.slice(0, 0, at::nullopt, step); };
  return {thin(shapes), thin(places), thin(borders)};
}

VolumeRows VolumeRows::Empty(int64_t count) {
  return {at::empty({count, 3}, at::kLong), at::empty({count, 12}, at::kFloat),
          at::empty({count, 2}, at::kFloat)};
}

VolumeRows VolumeRows::Row(int64_t row) const {
  if (!defined()) return {};
  return {sizes[row], affines[row], ranges[row]};
}

VolumeRows VolumeRows::Joined(const std::vector<VolumeRows>& parts) {
  if (parts.empty() || !parts[0].defined()) return {};
  std::vector<at::Tensor> sizes, affines, ranges;
  for (const VolumeRows& part : parts) {
    sizes.push_back(part.sizes);
    affines.push_back(part.affines);
    ranges.push_back(part.ranges);
  }
  return {at::cat(sizes), at::cat(affines), at::cat(ranges)};
}

std::vector<int64_t> ShapeOfImages(int64_t count, int64_t size, bool volumes) {
  if (volumes) return {count, 1, size, size, size};
  return {count, 3, size, size};
}

std::vector<int64_t> ShapeOfClasses(int64_t count, int64_t size, bool volumes) {
  if (volumes) return {count, size, size, size};
  return {count, size, size};
}

ImageSet Thinned(const ImageSet& set, int64_t most) {
  const int64_t step = (set.size() + most - 1) / most;
  if (step <= 1) return set;
  const auto thin = [step](const at::Tensor& rows) {
    return rows.defined() ? rows.slice(0, 0, at::nullopt, step) : rows;
  };
  ImageSet thinned;
  thinned.images = thin(set.images);
  thinned.classes = thin(set.classes);
  thinned.labels = set.labels;
  thinned.note = set.note;
  thinned.mask_digests = thin(set.mask_digests);
  thinned.image_digests = thin(set.image_digests);
  thinned.views = set.views.Thinned(step);
  if (set.volumes.defined()) {
    thinned.volumes = {thin(set.volumes.sizes), thin(set.volumes.affines),
                       thin(set.volumes.ranges)};
  }
  for (int64_t i = 0; i < set.size(); i += step) {
    thinned.names.push_back(set.names[i]);
    if (!set.groups.empty()) thinned.groups.push_back(set.groups[i]);
    if (!set.image_classes.empty()) thinned.image_classes.push_back(set.image_classes[i]);
  }
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
    // A body upside down or back to front is none; a mirrored one is.
    const bool volumes = images.dim() == 5;
    for (const int64_t side : volumes ? std::vector<int64_t>{-1} : std::vector<int64_t>{-1, -2}) {
      const at::Tensor flipped = at::rand({items.size(0)}, flips).lt(0.5);
      std::vector<int64_t> per_item(images.dim(), 1);
      per_item[0] = -1;
      images = at::where(flipped.view(per_item), images.flip(side), images);
      per_item.pop_back();
      classes = at::where(flipped.view(per_item), classes.flip(side), classes);
    }
  }
  return {.images = ImagesFromBytes(images, device), .classes = classes};
}

int64_t Together(const at::Tensor& images, int64_t most) {
  constexpr int64_t kPixels = int64_t{4} << 20;
  int64_t pixels = 1;
  for (const int64_t side : images.sizes().slice(2)) pixels *= side;
  return std::clamp<int64_t>(kPixels / pixels, 1, most);
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
