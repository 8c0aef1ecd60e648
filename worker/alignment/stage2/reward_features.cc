#include "worker/alignment/stage2/reward_features.h"

#include "worker/sets/source_statistics.h"
#include "worker/stores/pretrained_model.h"

namespace alignflow {

RewardFeatures MakeRewardFeatures(TaskContext& context, const TaskSpec& spec) {
  RewardFeatures features;
  if (IsPretrained(spec)) {
    features.extractor = LoadDinoV3(context, spec);
    if (features.extractor) {
      features.note = "reward features: DINOv3";
      return features;
    }
    features.note = "reward features: filter bank, as the weights have no folder dinov3";
  }
  features.extractor = LoadStatistics(context, spec).filter_bank;
  return features;
}

}  // namespace alignflow
