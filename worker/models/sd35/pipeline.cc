#include "worker/models/sd35/pipeline.h"

#include <ATen/ATen.h>

#include "worker/models/sd35/velocity.h"

namespace alignflow {

at::Tensor SampleLatents(const SD3Transformer& transformer, const SD3ControlNet* controlnet,
                         const Sd35Sampling& sampling, const at::Tensor& noise,
                         const Sd35Text& prompt, const Sd35Text& empty_prompt,
                         const at::Tensor& control, const BeforeStep& before_step) {
  Sd35Velocity velocity(transformer, controlnet, sampling.control_scale);
  TextGuidedVelocity guided(velocity, sampling.guidance, empty_prompt.context, empty_prompt.pooled);
  const int64_t batch = noise.size(0);
  const Condition condition{.mask = {},
                            .class_labels = {},
                            .context = prompt.context.expand({batch, -1, -1}),
                            .pooled = prompt.pooled.expand({batch, -1}),
                            .control = control};
  return SolveEuler(guided, noise, sampling.schedule.Times(sampling.steps), condition, before_step);
}

}  // namespace alignflow
