#ifndef ALIGNFLOW_WORKER_MODELS_UNET_MEMORY_H_
#define ALIGNFLOW_WORKER_MODELS_UNET_MEMORY_H_

#include <cstdint>

#include "worker/models/sd35/memory.h"
#include "worker/models/unet/backbone.h"

namespace alignflow {

// What stage 1 takes at its peak with `batch` images in a step, from the config alone: weights,
// gradients, the optimiser's state and the running average of U-Net and ControlNet, and what their
// layers keep for the backward pass. About: within a third of what was measured.
MemoryEstimate EstimateUNetMemory(const UNetBackboneConfig& config, int64_t batch);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_UNET_MEMORY_H_
