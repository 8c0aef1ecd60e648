// Precompiled for the engine and the tasks: LibTorch's headers take 20 s a file otherwise.
#ifndef ALIGNFLOW_WORKER_ENGINE_PCH_H_
#define ALIGNFLOW_WORKER_ENGINE_PCH_H_

#include <ATen/ATen.h>
#include <torch/nn.h>
#include <torch/optim.h>
#include <torch/utils.h>

#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#endif  // ALIGNFLOW_WORKER_ENGINE_PCH_H_
