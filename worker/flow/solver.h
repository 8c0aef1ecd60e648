#ifndef ALIGNFLOW_WORKER_FLOW_SOLVER_H_
#define ALIGNFLOW_WORKER_FLOW_SOLVER_H_

#include <ATen/ATen.h>

#include <functional>
#include <vector>

#include "worker/models/velocity_model.h"

namespace alignflow {

// The times 0, 1/steps, ..., 1 from the one nearest to `start` on, which leaves at least one step.
// steps >= 1, start in [0,1]; throws std::invalid_argument otherwise.
std::vector<double> UniformTimes(int64_t steps, double start = 0);

// One step of Euler's method for dx/dt = v(x, t, condition): x + (to - from) v(x, from). x:
// [B,...].
at::Tensor EulerStep(VelocityModel& model, const at::Tensor& x, double from, double to,
                     const Condition& condition);

// Called before each step with the number of steps done; what it throws ends the solution.
using BeforeStep = std::function<void(int64_t step)>;

// Euler's method over a grid of at least one time; returns x at the last. The error is of first
// order in the step. Keeps a graph where grad mode is on.
at::Tensor SolveEuler(VelocityModel& model, at::Tensor x, const std::vector<double>& times,
                      const Condition& condition, const BeforeStep& before_step = {});

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_FLOW_SOLVER_H_
