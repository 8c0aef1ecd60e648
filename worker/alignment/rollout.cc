#include "worker/alignment/rollout.h"

#include <stdexcept>

namespace alignflow {

at::Tensor FrozenRollout(VelocityModel& frozen, const at::Tensor& noise, int64_t from,
                         const Condition& condition, const BeforeStep& before_step) {
  if (from < 0 || from >= kRolloutSteps) {
    throw std::invalid_argument("a rollout's start index lies in 0..19");
  }
  const at::NoGradGuard no_grad;
  const std::vector<double> times = UniformTimes(kRolloutSteps);
  std::vector<at::Tensor> states;
  at::Tensor x = noise;
  for (int64_t k = 0; k < kRolloutSteps; ++k) {
    if (k >= from) states.push_back(x);
    if (k + 1 == kRolloutSteps) break;
    if (before_step) before_step(k);
    x = EulerStep(frozen, x, times[k], times[k + 1], condition);
  }
  return at::stack(states, 1);
}

at::Tensor TunableStep(VelocityModel& tunable, const at::Tensor& states, int64_t index,
                       const Condition& condition) {
  return EulerStep(tunable, states, static_cast<double>(index) / kRolloutSteps, 1, condition);
}

}  // namespace alignflow
