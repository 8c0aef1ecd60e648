#ifndef ALIGNFLOW_WORKER_ALIGNMENT_STAGE2_REWARD_FEATURES_H_
#define ALIGNFLOW_WORKER_ALIGNMENT_STAGE2_REWARD_FEATURES_H_

#include <memory>
#include <string>

#include "worker/alignment/feature_extractor.h"
#include "worker/tasks/task.h"

namespace alignflow {

// What stage 2's reward compares images by.
struct RewardFeatures {
  std::shared_ptr<const FeatureExtractor> extractor;
  std::string note;  // which they are, for people; empty where there is no choice
};

// DINOv3 where the pretrained model's folder has it, otherwise the FilterBank of the task's input
// statistics.
RewardFeatures MakeRewardFeatures(TaskContext& context, const TaskSpec& spec);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_ALIGNMENT_STAGE2_REWARD_FEATURES_H_
