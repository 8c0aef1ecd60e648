#ifndef ALIGNFLOW_WORKER_FLOW_ADAPTIVE_SOLVER_H_
#define ALIGNFLOW_WORKER_FLOW_ADAPTIVE_SOLVER_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>

#include "worker/models/velocity_model.h"

namespace alignflow {

// How far a step may be off, by its own estimate: atol + rtol |x|, as a root mean square over a
// sample.
struct Tolerance {
  double rtol = 1e-3;
  double atol = 1e-3;
  int64_t most_evaluations = 1000;  // of the velocity, for a batch
};

// One step of Dormand and Prince's method (1980) of each sample, from its own time and of its own
// length. x, first: [B,...], `first` the velocity at (x, from); from, length: [B] double on the
// CPU.
struct DormandPrinceStep {
  at::Tensor x;      // [B,...] of order 5
  at::Tensor error;  // [B,...] its difference to the solution of order 4
  at::Tensor last;   // [B,...] the velocity at x, the first of the next step
};
DormandPrinceStep StepOfDormandPrince(VelocityModel& model, const at::Tensor& x,
                                      const at::Tensor& first, const at::Tensor& from,
                                      const at::Tensor& length, const Condition& condition);

// Solves dx/dt = v(x, t, condition) from `from` to `to` in steps as long as the tolerance allows,
// beginning with `length`. Every sample has steps of its own, so that a row depends on no other;
// the batch is evaluated whole until the last has arrived. `before_step` is called before each step
// of the batch with the number of those done and may throw. Throws std::invalid_argument with the
// remedy where most_evaluations do not suffice, as where the velocity's own rounding is above the
// tolerance.
at::Tensor SolveAdaptively(VelocityModel& model, at::Tensor x, double from, double to,
                           double length, const Condition& condition, const Tolerance& tolerance,
                           const std::function<void(int64_t step)>& before_step = {});

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_FLOW_ADAPTIVE_SOLVER_H_
