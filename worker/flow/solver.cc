#include "worker/flow/solver.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>

namespace alignflow {
namespace {

// Before the data, where dopri5 leaves the rest of the way to a step that does not look at them.
constexpr double kLastStretch = 0.01;

// A Butcher tableau: stage i is v(x + h sum_j inner[i][j] k_j, t + nodes[i] h), and a step adds
// h sum_i weights[i] k_i.
struct Tableau {
  std::vector<double> nodes;
  std::vector<std::vector<double>> inner;
  std::vector<double> weights;
};

const Tableau& TableauOf(SolverKind kind, bool ends_at_data) {
  static const Tableau euler{{0}, {{}}, {1}};
  static const Tableau midpoint{{0, 0.5}, {{}, {0.5}}, {0, 1}};
  static const Tableau heun{{0, 1}, {{}, {1}}, {0.5, 0.5}};
  static const Tableau ralston{{0, 0.5, 0.75}, {{}, {0.5}, {0, 0.75}}, {2. / 9, 3. / 9, 4. / 9}};
  static const Tableau rk4{
      {0, 0.5, 0.5, 1}, {{}, {0.5}, {0, 0.5}, {0, 0, 1}}, {1. / 6, 2. / 6, 2. / 6, 1. / 6}};
  switch (kind) {
    case SolverKind::kEuler:
      return euler;
    case SolverKind::kMidpoint:
      return midpoint;
    case SolverKind::kHeun:
      return ends_at_data ? midpoint : heun;
    case SolverKind::kRk4:
      return ends_at_data ? ralston : rk4;
    case SolverKind::kDopri5:
      return ralston;  // its last stretch
  }
  throw std::invalid_argument("not a solver");
}

// x + h sum_i factors[i] slopes[i].
at::Tensor Advance(at::Tensor x, const std::vector<at::Tensor>& slopes,
                   const std::vector<double>& factors, double h) {
  for (size_t i = 0; i < factors.size(); ++i) {
    if (factors[i] != 0) x = at::add(x, slopes[i], factors[i] * h);
  }
  return x;
}

at::Tensor Step(const Tableau& method, VelocityModel& model, const at::Tensor& x, double from,
                double to, const Condition& condition) {
  const double h = to - from;
  std::vector<at::Tensor> slopes;
  for (size_t i = 0; i < method.nodes.size(); ++i) {
    const at::Tensor t =
        at::full({x.size(0)}, from + method.nodes[i] * h, x.options().dtype(at::kFloat));
    slopes.push_back(model.Velocity(Advance(x, slopes, method.inner[i], h), t, condition));
  }
  return Advance(x, slopes, method.weights, h);
}

}  // namespace

std::vector<double> UniformTimes(int64_t steps, double start) {
  if (steps < 1) throw std::invalid_argument("a solver needs at least one step");
  if (!(start >= 0 && start <= 1)) throw std::invalid_argument("a flow starts between 0 and 1");
  std::vector<double> times;
  const int64_t first =
      std::min<int64_t>(std::lround(start * static_cast<double>(steps)), steps - 1);
  for (int64_t i = first; i <= steps; ++i) times.push_back(static_cast<double>(i) / steps);
  return times;
}

SolverKind SolverNamed(std::string_view name) {
  static constexpr std::pair<std::string_view, SolverKind> kNames[] = {
      {"euler", SolverKind::kEuler},
      {"midpoint", SolverKind::kMidpoint},
      {"heun", SolverKind::kHeun},
      {"rk4", SolverKind::kRk4},
      {"dopri5", SolverKind::kDopri5}};
  for (const auto& [known, kind] : kNames) {
    if (known == name) return kind;
  }
  throw std::invalid_argument("unknown solver '" + std::string(name) +
                              "': known are euler, midpoint, heun, rk4 and dopri5");
}

at::Tensor EulerStep(VelocityModel& model, const at::Tensor& x, double from, double to,
                     const Condition& condition) {
  return Step(TableauOf(SolverKind::kEuler, false), model, x, from, to, condition);
}

at::Tensor Solve(const Solver& solver, VelocityModel& model, at::Tensor x,
                 const std::vector<double>& times, const Condition& condition,
                 const BeforeStep& before_step) {
  if (times.empty()) throw std::invalid_argument("a solver needs at least one time");
  const SolverKind kind = solver.kind;
  if (kind == SolverKind::kDopri5) {
    if (times.size() == 1) return x;
    const bool ends_at_data = times.back() >= 1;
    const double end = ends_at_data ? std::max(times.front(), 1 - kLastStretch) : times.back();
    x = SolveAdaptively(model, std::move(x), times.front(), end, times[1] - times[0], condition,
                        solver.tolerance, before_step);
    return ends_at_data ? Step(TableauOf(kind, true), model, x, end, 1, condition) : x;
  }
  for (size_t i = 0; i + 1 < times.size(); ++i) {
    if (before_step) before_step(static_cast<int64_t>(i));
    x = Step(TableauOf(kind, times[i + 1] >= 1), model, x, times[i], times[i + 1], condition);
  }
  return x;
}

at::Tensor SolveEuler(VelocityModel& model, at::Tensor x, const std::vector<double>& times,
                      const Condition& condition, const BeforeStep& before_step) {
  return Solve(SolverKind::kEuler, model, std::move(x), times, condition, before_step);
}

}  // namespace alignflow
