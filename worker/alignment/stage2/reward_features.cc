#include "worker/alignment/stage2/reward_features.h"

#include <utility>

#include "worker/alignment/filter_bank.h"
#include "worker/stores/model_file.h"
#include "worker/stores/pretrained_model.h"

namespace alignflow {

RewardFeatures MakeRewardFeatures(TaskContext& context, const TaskSpec& spec,
                                  const ImageSet& source) {
  RewardFeatures features;
  if (IsPretrained(spec)) {
    features.extractor = LoadDinoV3(context, spec);
    if (features.extractor) {
      features.note = "reward features: DINOv3";
      return features;
    }
    features.note = "reward features: filter bank, as the weights have no folder dinov3";
  }
  auto filter_bank = std::make_shared<FilterBank>();
  filter_bank->Fit(SampleImages(source, kStatisticsImages, DeviceOf(context)));
  features.extractor = std::move(filter_bank);
  return features;
}

}  // namespace alignflow
