#ifndef ALIGNFLOW_WORKER_TRAINING_VELOCITY_LOSS_H_
#define ALIGNFLOW_WORKER_TRAINING_VELOCITY_LOSS_H_

#include <ATen/ATen.h>

#include "worker/models/velocity_model.h"

namespace alignflow {

// The diffusion loss L_D at given noise and times:
//   mean of (w(t) (v(x_t,t) - (x1 - eps)))^2,  w(t) = (1-t)/max(1-t, 0.07)
// w is 1 up to t = 0.93. Near the data the velocity's error of a model that predicts the data is
// that of the data, divided by 1-t; the weight keeps those last times from ruling the gradient.
// With `plain`, for models that predict the velocity itself, w is 1 throughout (paper). data,
// noise: latents [B,C,...]; t: [B]. Returns a scalar with a graph.
at::Tensor VelocityLoss(VelocityModel& model, const at::Tensor& data, const at::Tensor& noise,
                        const at::Tensor& t, const Condition& condition, bool plain = false);

// Times for a batch: t = 1 / (1 + exp(0.8 - z)), z ~ N(0,1), so that the first half of the path,
// where the picture takes shape, is seen most. float32 [count] on the CPU.
at::Tensor DrawTimes(int64_t count, at::Generator generator);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_TRAINING_VELOCITY_LOSS_H_
