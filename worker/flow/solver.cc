#include "worker/flow/solver.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace alignflow {

std::vector<double> UniformTimes(int64_t steps, double start) {
  if (steps < 1) throw std::invalid_argument("a solver needs at least one step");
  if (!(start >= 0 && start <= 1)) throw std::invalid_argument("a flow starts between 0 and 1");
  std::vector<double> times;
  const int64_t first =
      std::min<int64_t>(std::lround(start * static_cast<double>(steps)), steps - 1);
  for (int64_t i = first; i <= steps; ++i) times.push_back(static_cast<double>(i) / steps);
  return times;
}

at::Tensor EulerStep(VelocityModel& model, const at::Tensor& x, double from, double to,
                     const Condition& condition) {
  const at::Tensor t = at::full({x.size(0)}, from, x.options().dtype(at::kFloat));
  return at::add(x, model.Velocity(x, t, condition), to - from);
}

at::Tensor SolveEuler(VelocityModel& model, at::Tensor x, const std::vector<double>& times,
                      const Condition& condition, const BeforeStep& before_step) {
  if (times.empty()) throw std::invalid_argument("a solver needs at least one time");
  for (size_t i = 0; i + 1 < times.size(); ++i) {
    if (before_step) before_step(static_cast<int64_t>(i));
    x = EulerStep(model, x, times[i], times[i + 1], condition);
  }
  return x;
}

}  // namespace alignflow
