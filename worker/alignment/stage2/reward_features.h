#ifndef ALIGNFLOW_WORKER_ALIGNMENT_STAGE2_REWARD_FEATURES_H_
#define ALIGNFLOW_WORKER_ALIGNMENT_STAGE2_REWARD_FEATURES_H_

#include <memory>
#include <string>

#include "worker/alignment/feature_extractor.h"
#include "worker/sets/image_set.h"
#include "worker/tasks/task.h"

namespace alignflow {

// What stage 2's reward compares images by.
struct RewardFeatures {
  std::shared_ptr<const FeatureExtractor> extractor;
  std::string note;  // which they are, for people; empty where there is no choice
};

// Of volumes, those of slices in the three planes (worker/alignment/slice_features.h).
// As align.features says: the FilterBank of the task's input statistics; EfficientNet-Lite0's
// style, standardised on up to 512 images of the source; or DINOv3, in whose place a preset with a
// model folder takes the FilterBank where the folder has none. Throws TaskError with
// FailedPrecondition, naming what is missing and the remedy.
RewardFeatures MakeRewardFeatures(TaskContext& context, const TaskSpec& spec,
                                  const ImageSet& source);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_ALIGNMENT_STAGE2_REWARD_FEATURES_H_
