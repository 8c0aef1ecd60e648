#ifndef ALIGNFLOW_WORKER_ALIGNMENT_STAGE2_ALIGN_DATA_H_
#define ALIGNFLOW_WORKER_ALIGNMENT_STAGE2_ALIGN_DATA_H_

#include <functional>
#include <memory>
#include <optional>

#include "worker/alignment/feature_extractor.h"
#include "worker/alignment/reward.h"
#include "worker/alignment/stage2/trajectory.h"
#include "worker/models/backbone.h"
#include "worker/sets/image_set.h"
#include "worker/tasks/task.h"

namespace alignflow {

// What every step of stage 2 works on.
struct AlignData {
  const TaskSpec& spec;
  const ImageSet& source;
  at::Device device;
  uint64_t seed;
  int64_t batch;
  Reward reward;
  std::shared_ptr<const FeatureExtractor> extractor;
  at::Tensor references;          // [N,3,S,S] or [N,1,S,S,S] in [-1,1], those that are learned from
  at::Tensor reference_features;  // [N,d]
  at::Tensor left_out_features;   // [M,d]; undefined where none is left out
  BeforeStep unless_cancelled;
};

// The rollouts that steps draw from: the pool, or new ones for each step.
class Rollouts {
 public:
  // The frozen model is needed without a pool only.
  Rollouts(std::optional<RolloutPool> pool, std::unique_ptr<Backbone> frozen)
      : pool_(std::move(pool)), frozen_(std::move(frozen)) {}

  // From now on `finish` is applied to everything drawn; to a pool at once.
  void FinishWith(std::function<void(RolloutPool&)> finish);

  // data.batch rollouts for a step.
  RolloutPool Draw(const AlignData& data, int64_t step, at::Generator random);

  // At most `most` rollouts, the same at every call: the pool's first, or those of the first steps.
  RolloutPool First(const AlignData& data, int64_t most);

 private:
  RolloutPool RolledOut(const AlignData& data, int64_t first, int64_t count);

  std::optional<RolloutPool> pool_;
  std::unique_ptr<Backbone> frozen_;
  std::function<void(RolloutPool&)> finish_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_ALIGNMENT_STAGE2_ALIGN_DATA_H_
