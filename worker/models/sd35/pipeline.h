#ifndef ALIGNFLOW_WORKER_MODELS_SD35_PIPELINE_H_
#define ALIGNFLOW_WORKER_MODELS_SD35_PIPELINE_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "worker/flow/solver.h"
#include "worker/models/sd35/controlnet.h"
#include "worker/models/sd35/schedule.h"
#include "worker/models/sd35/transformer.h"

namespace alignflow {

// How images are made; the defaults are the paper's and the reference's.
struct Sd35Sampling {
  FlowMatchSchedule schedule = {};
  int64_t steps = 28;
  double guidance = 7.0;
  double control_scale = 1.0;
};

// Prompts as their embeddings.
struct Sd35Text {
  at::Tensor context;  // [1 or B,L,D]
  at::Tensor pooled;   // [1 or B,P]
};

// diffusers' StableDiffusion3ControlNetPipeline between text encoders and VAE: from noise
// [B,C,h,w] to latents of the data, by Euler's method on the schedule. controlnet may be null;
// control: [B,C,h,w] the encoded control image then undefined. Throws std::invalid_argument.
at::Tensor SampleLatents(const SD3Transformer& transformer, const SD3ControlNet* controlnet,
                         const Sd35Sampling& sampling, const at::Tensor& noise,
                         const Sd35Text& prompt, const Sd35Text& empty_prompt,
                         const at::Tensor& control, const BeforeStep& before_step = {});

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SD35_PIPELINE_H_
