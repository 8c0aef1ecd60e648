#include "worker/alignment/align_step.h"

#include "worker/alignment/rollout.h"

namespace alignflow {

at::Tensor AlignmentLoss(VelocityModel& tunable, const LatentCodec& codec,
                         const FeatureExtractor& extractor, const RolloutBatch& batch,
                         const at::Tensor& references, Reward reward) {
  at::Tensor latent = TunableStep(tunable, batch.states, batch.index, batch.condition);
  if (batch.detail.defined()) latent = latent + batch.detail;
  const at::Tensor images = codec.Decode(latent).clamp(-1, 1);
  return Misalignment(reward, extractor.Features(images), references);
}

}  // namespace alignflow
