#include "worker/alignment/rollout.h"

#include <ATen/core/grad_mode.h>

#include <stdexcept>
#include <string>

namespace alignflow {

at::Tensor FrozenRollout(VelocityModel& frozen, at::Tensor x, const std::vector<double>& times,
                         int64_t from, const Condition& condition, const BeforeStep& before_step) {
  const int64_t first = kRolloutSteps + 1 - static_cast<int64_t>(times.size());
  if (from < first || from >= kRolloutSteps) {
    throw std::invalid_argument("a rollout that starts at step " + std::to_string(first) +
                                " of 20 has no state " + std::to_string(from));
  }
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> states;
  for (int64_t k = first;; ++k) {
    if (k >= from) states.push_back(x);
    if (k + 1 == kRolloutSteps) break;
    if (before_step) before_step(k - first);
    x = EulerStep(frozen, x, times[k - first], times[k - first + 1], condition);
  }
  return at::stack(states, 1);
}

at::Tensor TunableStep(VelocityModel& tunable, const at::Tensor& states, int64_t index,
                       const Condition& condition) {
  return EulerStep(tunable, states, static_cast<double>(index) / kRolloutSteps, 1, condition);
}

}  // namespace alignflow
