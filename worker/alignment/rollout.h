#ifndef ALIGNFLOW_WORKER_ALIGNMENT_ROLLOUT_H_
#define ALIGNFLOW_WORKER_ALIGNMENT_ROLLOUT_H_

#include <ATen/ATen.h>

#include "worker/flow/solver.h"
#include "worker/models/velocity_model.h"

namespace alignflow {

// The partially tunable rollout: noise is brought to x_s by the frozen stage-1 model in steps of
// 1/20 without a graph, s = k/20, and one step of the tunable model leads from there to an image.
// Memory does not grow with s, because the graph of that one step is the only one.
inline constexpr int64_t kRolloutSteps = 20;

// The rollout's times from the one nearest to `start` on: start/20, ..., 1.
inline std::vector<double> RolloutTimes(double start) { return UniformTimes(kRolloutSteps, start); }

// x_s for s = from/20, ..., 19/20 as [B,20-from,C,...], rolled out by Euler's method from x at
// times.front(), times being RolloutTimes. No graph is kept. Throws std::invalid_argument unless
// times.front() <= from/20 < 1.
at::Tensor FrozenRollout(VelocityModel& frozen, at::Tensor x, const std::vector<double>& times,
                         int64_t from, const Condition& condition,
                         const BeforeStep& before_step = {});

// x1hat = x_s + (1-s) v(x_s, s), s = index/20; with a graph where grad mode is on. states:
// [B,C,...].
at::Tensor TunableStep(VelocityModel& tunable, const at::Tensor& states, int64_t index,
                       const Condition& condition);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_ALIGNMENT_ROLLOUT_H_
