#ifndef ALIGNFLOW_WORKER_FLOW_GUIDANCE_H_
#define ALIGNFLOW_WORKER_FLOW_GUIDANCE_H_

#include "worker/models/velocity_model.h"

namespace alignflow {

// Takes mask and class from each sample of a condition with probability `share`: all planes of the
// mask, that of the background too, become 0, which no mask is, and the class becomes none. A model
// trained so knows images without them as well (classifier-free guidance, Ho and Salimans 2022).
// Draws nothing if share is 0.
void DropConditions(Condition& condition, double share, at::Generator& random);

// Guidance by mask and class: v(none) + scale (v(mask, class) - v(none)), where "none" is the
// condition without either, as DropConditions leaves it. Scale 1 is the model itself and costs one
// evaluation; any other costs two, made as one batch. Throws std::invalid_argument if it is asked
// without a mask. As thread-safe as the model, which must outlive it.
class GuidedVelocity : public VelocityModel {
 public:
  GuidedVelocity(VelocityModel& model, double scale) : model_(model), scale_(scale) {}

  at::Tensor Velocity(const at::Tensor& x, const at::Tensor& t,
                      const Condition& condition) override;

 private:
  VelocityModel& model_;
  double scale_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_FLOW_GUIDANCE_H_
