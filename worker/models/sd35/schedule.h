#ifndef ALIGNFLOW_WORKER_MODELS_SD35_SCHEDULE_H_
#define ALIGNFLOW_WORKER_MODELS_SD35_SCHEDULE_H_

#include <cstdint>
#include <vector>

namespace alignflow {

class HfConfig;

// scheduler_config.json of diffusers' FlowMatchEulerDiscreteScheduler, as far as SD 3 and 3.5 use
// it.
struct FlowMatchSchedule {
  double shift = 3.0;  // of the noise levels: sigma becomes shift sigma / (1 + (shift-1) sigma)

  // The times (from noise, 0, to data, 1) of Euler's method in this many steps, `steps` + 1 of
  // them: 1 - sigma of the reference.
  // steps >= 1; throws std::invalid_argument otherwise.
  std::vector<double> Times(int64_t steps) const;
};

// Every field is honoured or refused; throws std::runtime_error naming file and field.
FlowMatchSchedule ParseFlowMatchSchedule(HfConfig& config);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SD35_SCHEDULE_H_
