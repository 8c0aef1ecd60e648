#include "worker/pairs/pair_detail.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "worker/stores/model_file.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_spec.h"

namespace alignflow {
namespace {

// Between pixels' centres.
at::Tensor Bilinear(const at::Tensor& planes, int64_t side) {
  return at::upsample_bilinear2d(planes, {side, side}, /*align_corners=*/false);
}

}  // namespace

int64_t PairSide(const TaskSpec& spec) {
  const int64_t made_at = ImageSize(spec);
  // Tasks of volumes, and of before the setting was there, know nothing of it.
  if (!spec.settings.contains("pairs.size")) return made_at;
  const int64_t side = IntegerSetting(spec, "pairs.size");
  return side == 0 ? made_at : side;
}

PairDetail::PairDetail(TaskContext& context, const TaskSpec& spec, const ImageSet& source)
    : context_(context), source_(source), use_(UseOfPictures(spec)), side_(PairSide(spec)) {
  const int64_t made_at = ImageSize(spec);
  enlarges_ = side_ > made_at;
  if (side_ >= made_at) return;
  throw TaskError(absl::InvalidArgumentError(
      absl::StrCat("task ", spec.kind, ": pairs.size is ", side_,
                   ", smaller than the images that the task makes, ", made_at)));
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

at::Tensor WithChange(const at::Tensor& large, const at::Tensor& small, const at::Tensor& changed) {
  return (large + Bilinear(changed - small, large.size(-1))).clamp(-1, 1);
}

at::Tensor EnlargedImage(const at::Tensor& image, int64_t side) {
  return at::upsample_bicubic2d(image, {side, side}, /*align_corners=*/false).clamp(-1, 1);
}

at::Tensor EnlargedClasses(const at::Tensor& classes, int64_t side) {
  at::Tensor most = at::zeros({side, side}), result = at::zeros({side, side}, at::kByte);
  for (int64_t one = 0; one <= classes.max().item<int64_t>(); ++one) {
    const at::Tensor region = classes.eq(one);
    if (!region.any().item<bool>()) continue;
    const at::Tensor share =
        Bilinear(region.to(at::kFloat).unsqueeze(0).unsqueeze(0), side).squeeze(0).squeeze(0);
    result.masked_fill_(share.gt(most), one);
    most = at::max(most, share);
  }
  return result;
}

}  // namespace alignflow
