#ifndef ALIGNFLOW_WORKER_MODELS_SD35_VELOCITY_H_
#define ALIGNFLOW_WORKER_MODELS_SD35_VELOCITY_H_

#include <ATen/core/Tensor.h>

#include "worker/models/sd35/controlnet.h"
#include "worker/models/sd35/transformer.h"
#include "worker/models/velocity_model.h"

namespace alignflow {

// SD 3.5 as a velocity from noise (t = 0) to data (t = 1): the reference's sigma is 1 - t, its
// timestep 1000 sigma, its output minus the velocity. The result has the type of x. The networks
// must outlive it. Not thread-safe.
class Sd35Velocity : public VelocityModel {
 public:
  // controlnet: null for the transformer alone; its residuals are multiplied by control_scale.
  // adapters: of the transformer, or null.
  Sd35Velocity(const SD3Transformer& transformer, const SD3ControlNet* controlnet,
               double control_scale = 1.0, const SD3Adapters* adapters = nullptr)
      : transformer_(transformer),
        controlnet_(controlnet),
        control_scale_(control_scale),
        adapters_(adapters) {}

  // x: [B,C,h,w] latent. Of the condition, context and pooled must be defined, and control exactly
  // if there is a ControlNet (without the codec's shift if the ControlNet's config forces zeros for
  // the pooled text, which this does). Throws std::invalid_argument.
  at::Tensor Velocity(const at::Tensor& x, const at::Tensor& t,
                      const Condition& condition) override;

 private:
  const SD3Transformer& transformer_;
  const SD3ControlNet* controlnet_;
  double control_scale_;
  const SD3Adapters* adapters_;
};

// Guidance by the text: v(empty) + scale (v(text) - v(empty)), the two made as one batch. As in the
// reference, a scale of 1 or less is the model itself. The model must outlive it.
class TextGuidedVelocity : public VelocityModel {
 public:
  // empty_context [1 or B,L,D] and empty_pooled [1 or B,P]: the empty (or negative) prompt.
  TextGuidedVelocity(VelocityModel& model, double scale, at::Tensor empty_context,
                     at::Tensor empty_pooled);

  at::Tensor Velocity(const at::Tensor& x, const at::Tensor& t,
                      const Condition& condition) override;

 private:
  VelocityModel& model_;
  double scale_;
  at::Tensor empty_context_, empty_pooled_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SD35_VELOCITY_H_
