#include "worker/alignment/stage2/reward_features.h"

#include <ATen/core/grad_mode.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "worker/alignment/efficientnet_features.h"
#include "worker/alignment/slice_features.h"
#include "worker/sets/source_statistics.h"
#include "worker/sets/volume_row.h"
#include "worker/stores/efficientnet_file.h"
#include "worker/stores/model_file.h"
#include "worker/stores/pretrained_model.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_spec.h"

namespace alignflow {
namespace {

constexpr int64_t kMostFitted = 512;
constexpr int64_t kFittedTogether = 32;
constexpr char kLite[] = "lite0";
constexpr char kFigures[] = "figures";

std::shared_ptr<const FeatureExtractor> LiteStyle(TaskContext& context, const ImageSet& source) {
  const auto net = LoadFrozenEfficientNet(context, kLite);
  if (!net) {
    throw TaskError(absl::FailedPreconditionError(
        absl::StrCat("align.features=", kLite, ": this worker has no ", EfficientNetFileName(kLite),
                     "; or give filter_bank")));
  }
  const at::NoGradGuard no_grad;
  auto style = std::make_shared<EfficientNetStyle>(net);
  const at::Tensor rows = EquallySpaced(source.size(), kMostFitted);
  std::vector<at::Tensor> raw;
  for (const at::Tensor& some : rows.split(Together(source.images, kFittedTogether))) {
    const at::Tensor images = source.images.index_select(0, some);
    const at::Tensor pictures = PicturesOf(images, {}).images;
    raw.push_back(style->Raw(ImagesFromBytes(pictures, DeviceOf(context))));
  }
  style->Fit(at::cat(raw));
  return style;
}

RewardFeatures PictureFeatures(TaskContext& context, const TaskSpec& spec, const ImageSet& source) {
  const std::string name = TextSetting(spec, "align.features");
  if (name == kLite) {
    return {.extractor = LiteStyle(context, source), .note = "reward features: EfficientNet-Lite0"};
  }
  RewardFeatures features;
  if (name == "dinov3") {
    TaskSpec folder = spec;
    folder.settings.insert({"weights", kFigures});  // where a preset without a folder may have it
    features.extractor = LoadDinoV3(context, folder);
    if (features.extractor) {
      features.note = "reward features: DINOv3";
      return features;
    }
    if (!IsPretrained(spec)) {
      throw TaskError(absl::FailedPreconditionError(absl::StrCat(
          "align.features=dinov3: there is no folder ", kFigures,
          "/dinov3 in this worker's --models-dir; docs/figures.md says what belongs there, or give "
          "lite0 or filter_bank")));
    }
    features.note = "reward features: filter bank, as the weights have no folder dinov3";
  }
  features.extractor = LoadStatistics(context, spec).filter_bank;
  return features;
}

}  // namespace

RewardFeatures MakeRewardFeatures(TaskContext& context, const TaskSpec& spec,
                                  const ImageSet& source) {
  RewardFeatures features = PictureFeatures(context, spec, source);
  if (!source.volumes.defined()) return features;
  features.extractor = std::make_shared<const SliceFeatures>(std::move(features.extractor));
  features.note =
      absl::StrCat(features.note.empty() ? "reward features: filter bank" : features.note,
                   ", of slices in the three planes");
  return features;
}

}  // namespace alignflow
