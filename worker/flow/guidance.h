#ifndef ALIGNFLOW_WORKER_FLOW_GUIDANCE_H_
#define ALIGNFLOW_WORKER_FLOW_GUIDANCE_H_

#include "worker/models/velocity_model.h"

namespace alignflow {

// Guidance by the mask: v(empty) + scale (v(mask) - v(empty)), where "empty" is the condition with
// a mask that is background (class 0) everywhere. Scale 1 is the model itself and costs one
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
