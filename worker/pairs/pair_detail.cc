#include "worker/pairs/pair_detail.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "worker/data/letterbox.h"
#include "worker/sets/volume_row.h"
#include "worker/stores/model_file.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_spec.h"

namespace alignflow {
namespace {

constexpr int64_t kPicturesTogether = 16;

// Between pixels' centres.
at::Tensor Linear(const at::Tensor& planes, at::IntArrayRef size) {
  return planes.dim() == 5 ? at::upsample_trilinear3d(planes, size, /*align_corners=*/false)
                           : at::upsample_bilinear2d(planes, size, /*align_corners=*/false);
}

}  // namespace

int64_t PairSide(const TaskSpec& spec) {
  const int64_t made_at = ImageSize(spec);
  // Tasks of before the setting was there know nothing of it.
  if (!spec.settings.contains("pairs.size")) return made_at;
  const int64_t side = IntegerSetting(spec, "pairs.size");
  return side == 0 ? made_at : side;
}

PairDetail::PairDetail(TaskContext& context, const TaskSpec& spec, const ImageSet& source)
    : context_(context),
      source_(source),
      use_(UseOfPictures(spec)),
      made_at_(ImageSize(spec)),
      side_(PairSide(spec)),
      enlarges_(side_ > made_at_) {
  if (side_ >= made_at_) return;
  throw TaskError(absl::InvalidArgumentError(
      absl::StrCat("task ", spec.kind, ": pairs.size is ", side_,
                   ", smaller than the images that the task makes, ", made_at_)));
}

void PairDetail::Read(const std::vector<int64_t>& items) {
  pictures_.clear();
  if (!enlarges_) return;
  std::vector<int64_t> wanted = items;
  std::ranges::sort(wanted);
  wanted.erase(std::ranges::unique(wanted).begin(), wanted.end());
  DecodeDataset(context_, ManifestOf(source_, wanted), side_, use_,
                [&](const DecodedItems& decoded) {
                  for (int64_t i = 0; i < decoded.images.size(0); ++i) {
                    pictures_[wanted[decoded.first + i]] = {.image = decoded.images[i],
                                                            .classes = decoded.classes[i]};
                  }
                });
}

int64_t PairDetail::together() const { return source_.volumes.defined() ? 1 : kPicturesTogether; }

at::Tensor PairDetail::Part::Of(at::Tensor planes) const {
  const int64_t axes = planes.dim() - std::ssize(first);
  for (int64_t axis = 0; axis < std::ssize(first); ++axis) {
    planes = planes.narrow(axes + axis, first[axis], size[axis]);
  }
  return planes;
}

PairDetail::Part PairDetail::PartAt(int64_t item, int64_t side) const {
  if (source_.volumes.defined()) {
    const CubePart part = PartOfCube(source_.volumes.Row(item), side);
    return {.first = {part.first.begin(), part.first.end()},
            .size = {part.size.begin(), part.size.end()}};
  }
  if (use_ == PictureUse::kView) return {.first = {0, 0}, .size = {side, side}};
  const int64_t* size = source_.files.sizes[item].const_data_ptr<int64_t>();
  const LetterboxPlan plan =
      PlanLetterbox(static_cast<int>(size[0]), static_cast<int>(size[1]), static_cast<int>(side));
  return {.first = {plan.top, plan.left}, .size = {plan.height, plan.width}};
}

at::Tensor PairDetail::WithChange(int64_t item, const at::Tensor& large, const at::Tensor& small,
                                  const at::Tensor& changed) const {
  const Part part = PartAt(item, side_);
  at::Tensor result = large.clone();
  part.Of(result).add_(Linear(PartAt(item, made_at_).Of(changed - small), part.size));
  return result.clamp_(-1, 1);
}

at::Tensor PairDetail::EnlargedImageOf(int64_t item, const at::Tensor& image) const {
  const Part part = PartAt(item, side_);
  const at::Tensor made = ImagesFromBytes(PartAt(item, made_at_).Of(image).unsqueeze(0));
  std::vector<int64_t> shape{image.size(0)};
  shape.resize(image.dim(), side_);
  at::Tensor result = at::zeros(shape, at::kByte);
  part.Of(result).copy_(BytesFromImages(EnlargedImage(made, part.size))[0]);
  return result;
}

at::Tensor PairDetail::EnlargedClassesOf(int64_t item, const at::Tensor& classes) const {
  const Part part = PartAt(item, side_);
  at::Tensor result = at::zeros(std::vector<int64_t>(classes.dim(), side_), at::kByte);
  part.Of(result).copy_(EnlargedClasses(PartAt(item, made_at_).Of(classes), part.size));
  return result;
}

at::Tensor EnlargedImage(const at::Tensor& image, at::IntArrayRef size) {
  if (image.dim() == 5) return Linear(image, size).clamp(-1, 1);
  return at::upsample_bicubic2d(image, size, /*align_corners=*/false).clamp(-1, 1);
}

at::Tensor EnlargedClasses(const at::Tensor& classes, at::IntArrayRef size) {
  at::Tensor most = at::zeros(size), result = at::zeros(size, at::kByte);
  for (int64_t one = 0; one <= classes.max().item<int64_t>(); ++one) {
    const at::Tensor region = classes.eq(one);
    if (!region.any().item<bool>()) continue;
    const at::Tensor share =
        Linear(region.to(at::kFloat).unsqueeze(0).unsqueeze(0), size).squeeze(0).squeeze(0);
    result.masked_fill_(share.gt(most), one);
    most = at::max(most, share);
  }
  return result;
}

}  // namespace alignflow
