#ifndef ALIGNFLOW_WORKER_ALIGNMENT_ALIGN_STEP_H_
#define ALIGNFLOW_WORKER_ALIGNMENT_ALIGN_STEP_H_

#include "worker/alignment/feature_extractor.h"
#include "worker/alignment/reward.h"
#include "worker/models/latent_codec.h"
#include "worker/models/velocity_model.h"

namespace alignflow {

// Where the tunable step of a batch begins: states x_s [B,C,...] at s = index/20, and their masks.
struct RolloutBatch {
  at::Tensor states;
  int64_t index = 0;
  Condition condition;
  at::Tensor detail;  // latents [B,C,...] added to the step's result; undefined: none
};

// The alignment loss L_A: the tunable step's images against the references,
// MMD^2(features(decode(x1hat)), references), or SKL. references: [N,d], computed once, no graph.
// Images are clamped to [-1,1] as stored ones are. Returns a scalar with a graph.
at::Tensor AlignmentLoss(VelocityModel& tunable, const LatentCodec& codec,
                         const FeatureExtractor& extractor, const RolloutBatch& batch,
                         const at::Tensor& references, Reward reward = Reward::kMmd);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_ALIGNMENT_ALIGN_STEP_H_
