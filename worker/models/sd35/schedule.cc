#include "worker/models/sd35/schedule.h"

#include <stdexcept>

#include "worker/models/hf/config.h"

namespace alignflow {
namespace {

constexpr int64_t kTrainSteps = 1000;  // on whose scale the transformer's timestep is

}  // namespace

std::vector<double> FlowMatchSchedule::Times(int64_t steps) const {
  if (steps < 1) throw std::invalid_argument("a schedule needs at least one step");
  const auto shifted = [this](double sigma) { return shift * sigma / (1 + (shift - 1) * sigma); };
  // The reference spaces the steps evenly between the shifted levels of its training, and shifts
  // what comes out once more.
  const double highest = shifted(1.0), lowest = shifted(1.0 / kTrainSteps);
  std::vector<double> times;
  for (int64_t i = 0; i < steps; ++i) {
    const double part = steps == 1 ? 0 : static_cast<double>(i) / static_cast<double>(steps - 1);
    times.push_back(1 - shifted(highest + part * (lowest - highest)));
  }
  times.push_back(1);
  return times;
}

FlowMatchSchedule ParseFlowMatchSchedule(HfConfig& config) {
  FlowMatchSchedule schedule;
  config.Require("_class_name", "FlowMatchEulerDiscreteScheduler");
  schedule.shift = config.Double("shift", 1.0);
  if (!(schedule.shift > 0)) config.Refuse("shift", "a positive number is expected");
  config.Require("num_train_timesteps", kTrainSteps);
  config.Require("use_dynamic_shifting", false);
  config.Require("invert_sigmas", false);
  config.Require("shift_terminal", nullptr);
  config.Require("use_karras_sigmas", false);
  config.Require("use_exponential_sigmas", false);
  config.Require("use_beta_sigmas", false);
  config.Require("stochastic_sampling", false);
  // Read with dynamic shifting only.
  config.WithoutEffect(
      {"base_shift", "max_shift", "base_image_seq_len", "max_image_seq_len", "time_shift_type"});
  config.Finish(HfFile::kScheduler);
  return schedule;
}

}  // namespace alignflow
