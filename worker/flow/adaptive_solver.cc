#include "worker/flow/adaptive_solver.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "worker/flow/path.h"

namespace alignflow {
namespace {

constexpr int64_t kStages = 7;
// The tableau; the last row is the step itself, so that its velocity is the next one's first.
constexpr double kNodes[kStages] = {0, 1. / 5, 3. / 10, 4. / 5, 8. / 9, 1, 1};
constexpr double kInner[kStages][kStages - 1] = {
    {},
    {1. / 5},
    {3. / 40, 9. / 40},
    {44. / 45, -56. / 15, 32. / 9},
    {19372. / 6561, -25360. / 2187, 64448. / 6561, -212. / 729},
    {9017. / 3168, -355. / 33, 46732. / 5247, 49. / 176, -5103. / 18656},
    {35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84}};
constexpr double kError[kStages] = {71. / 57600,      0,         -71. / 16695, 71. / 1920,
                                    -17253. / 339200, 22. / 525, -1. / 40};

// A step is this much shorter than the estimate allows, and changes at most so much at once.
constexpr double kSafety = 0.9, kLeastChange = 0.2, kMostChange = 5;
constexpr double kOrder = 5;

// [B] double on the CPU, for multiplication with x.
at::Tensor Like(const at::Tensor& of_samples, const at::Tensor& x) {
  return TimeLike(of_samples.to(x.options()), x);
}

// The times as the model takes them.
at::Tensor TimesOf(const at::Tensor& times, const at::Tensor& x) {
  return times.to(x.options().dtype(at::kFloat));
}

// [B] double on the CPU: the error in units of the tolerance; infinite where it is no number.
at::Tensor ErrorRatio(const at::Tensor& error, const at::Tensor& before, const at::Tensor& after,
                      const Tolerance& tolerance) {
  const at::Tensor allowed =
      at::maximum(before.abs(), after.abs()).mul(tolerance.rtol).add(tolerance.atol);
  const at::Tensor mean_square =
      (error / allowed).to(at::kDouble).square().flatten(1).mean(1).cpu();
  return mean_square.sqrt().nan_to_num(INFINITY, INFINITY);
}

}  // namespace

DormandPrinceStep StepOfDormandPrince(VelocityModel& model, const at::Tensor& x,
                                      const at::Tensor& first, const at::Tensor& from,
                                      const at::Tensor& length, const Condition& condition) {
  const at::Tensor h = Like(length, x);
  std::vector<at::Tensor> slopes{first};
  at::Tensor point = x;
  for (int64_t stage = 1; stage < kStages; ++stage) {
    at::Tensor sum = slopes[0] * kInner[stage][0];
    for (int64_t i = 1; i < stage; ++i) {
      if (kInner[stage][i] != 0) sum = at::add(sum, slopes[i], kInner[stage][i]);
    }
    point = x + h * sum;
    slopes.push_back(model.Velocity(point, TimesOf(from + kNodes[stage] * length, x), condition));
  }
  at::Tensor error = slopes[0] * kError[0];
  for (int64_t i = 1; i < kStages; ++i) {
    if (kError[i] != 0) error = at::add(error, slopes[i], kError[i]);
  }
  return {.x = point, .error = h * error, .last = slopes.back()};
}

at::Tensor SolveAdaptively(VelocityModel& model, at::Tensor x, double from, double to,
                           double length, const Condition& condition, const Tolerance& tolerance,
                           const std::function<void(int64_t step)>& before_step) {
  if (!(from <= to) || !(length > 0)) {
    throw std::invalid_argument("an adaptive solver goes forwards, in steps of some length");
  }
  const int64_t count = x.size(0);
  at::Tensor time = at::full({count}, from, at::kDouble);
  at::Tensor step = at::full({count}, std::min(length, to - from), at::kDouble);
  if (before_step) before_step(0);
  at::Tensor velocity = model.Velocity(x, TimesOf(time, x), condition);
  int64_t evaluations = 1;
  for (int64_t done = 0; time.lt(to).any().item<bool>(); ++done) {
    if (evaluations + kStages - 1 > tolerance.most_evaluations) {
      throw std::invalid_argument(
          "dopri5 needs more than " + std::to_string(tolerance.most_evaluations) +
          " evaluations of the velocity for its tolerances; raise generate.rtol and generate.atol, "
          "or take a solver with a fixed number of steps, such as generate.solver=heun");
    }
    if (before_step && done > 0) before_step(done);
    // Samples that have arrived stand still.
    step = at::minimum(step, to - time);
    const DormandPrinceStep tried = StepOfDormandPrince(model, x, velocity, time, step, condition);
    evaluations += kStages - 1;
    const at::Tensor ratio = ErrorRatio(tried.error, x, tried.x, tolerance);
    const at::Tensor accepted = ratio.le(1).logical_and(time.lt(to));
    const at::Tensor taken = TimeLike(accepted.to(x.device()), x);
    x = at::where(taken, tried.x, x);
    velocity = at::where(taken, tried.last, velocity);
    // What is left is what counts: a sum of steps may fall short of the end by a rounding.
    const at::Tensor arrived = accepted.logical_and(step.ge(to - time));
    time = at::where(arrived, at::full_like(time, to), at::where(accepted, time + step, time));
    const at::Tensor change =
        (kSafety * ratio.clamp_min(1e-10).pow(-1 / kOrder)).clamp(kLeastChange, kMostChange);
    step = step * change;
  }
  return x;
}

}  // namespace alignflow
