#ifndef ALIGNFLOW_WORKER_TRAINING_OPTIMIZER_H_
#define ALIGNFLOW_WORKER_TRAINING_OPTIMIZER_H_

#include <ATen/ATen.h>

#include <cstddef>
#include <map>
#include <vector>

namespace alignflow {

// The rate at step 0, 1, ..., total - 1: a linear rise over `warm_up` steps to `peak`, then half a
// cosine down to a twentieth of it.
double LearningRate(int64_t step, int64_t total, int64_t warm_up, double peak);

// AdamW (Loshchilov and Hutter) with betas 0.9 and 0.99 and weight decay 0.01 (paper), gradients
// clipped to a norm of 1. Holds its state as tensors so that a checkpoint is nothing but a list.
class AdamW {
 public:
  // The parameters are shared, float32 and on one device. rate_scales: what the learning rate is
  // multiplied by for each; none: 1 for all.
  explicit AdamW(std::vector<at::Tensor> parameters, const std::vector<double>& rate_scales = {});

  // Updates the parameters from their gradients, which are then dropped. A parameter without a
  // gradient counts as one with gradient zero.
  void Step(double learning_rate);

  const std::vector<at::Tensor>& parameters() const { return parameters_; }
  const std::vector<at::Tensor>& first_moments() const { return first_; }
  const std::vector<at::Tensor>& second_moments() const { return second_; }
  int64_t steps() const { return steps_; }
  void set_steps(int64_t steps) { steps_ = steps; }

 private:
  std::vector<at::Tensor> parameters_;
  std::vector<at::Tensor> first_;
  std::vector<at::Tensor> second_;
  std::map<double, std::vector<size_t>> by_scale_;  // indices of the parameters
  int64_t steps_ = 0;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_TRAINING_OPTIMIZER_H_
