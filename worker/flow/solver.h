#ifndef ALIGNFLOW_WORKER_FLOW_SOLVER_H_
#define ALIGNFLOW_WORKER_FLOW_SOLVER_H_

#include <ATen/ATen.h>

#include <functional>
#include <string_view>
#include <vector>

#include "worker/flow/adaptive_solver.h"
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

// Explicit Runge-Kutta methods. Evaluations of the velocity a step and order of the error in it:
// Euler 1 and 1, midpoint 2 and 2, Heun 2 and 2, classical RK4 4 and 4, Dormand and Prince's 6 and
// 5, in steps as long as a tolerance allows.
enum class SolverKind { kEuler, kMidpoint, kHeun, kRk4, kDopri5 };

// "euler", "midpoint", "heun", "rk4" or "dopri5", as in generate.solver. Throws
// std::invalid_argument.
SolverKind SolverNamed(std::string_view name);

// A method, and what dopri5 needs besides.
struct Solver {
  Solver(SolverKind kind, Tolerance tolerance = {})  // NOLINT: most methods are all of it
      : kind(kind), tolerance(tolerance) {}
  SolverKind kind;
  Tolerance tolerance;
};

// Solves the flow's equation over a grid of at least one time; returns x at the last. dopri5 takes
// of the grid its ends and the length of its first step alone. Models whose velocity follows from
// predicted data divide by 1 - t, so no method asks for the velocity at t = 1: Heun's last step to
// there is a midpoint step, RK4's one of Ralston's third-order method with stages at 0, 1/2 and
// 3/4, and dopri5's last hundredth such a one, whose error is below any tolerance. A single step of
// an order lower keeps the order of the whole. Keeps a graph where grad mode is on.
at::Tensor Solve(const Solver& solver, VelocityModel& model, at::Tensor x,
                 const std::vector<double>& times, const Condition& condition,
                 const BeforeStep& before_step = {});

// Solve with Euler's method.
at::Tensor SolveEuler(VelocityModel& model, at::Tensor x, const std::vector<double>& times,
                      const Condition& condition, const BeforeStep& before_step = {});

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_FLOW_SOLVER_H_
