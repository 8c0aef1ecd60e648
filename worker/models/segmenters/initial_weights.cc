#include "worker/models/segmenters/initial_weights.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>

namespace alignflow {
namespace {

constexpr double kDeviation = 0.02;

}  // namespace

void DrawInitialWeights(torch::nn::Module& module) {
  const at::NoGradGuard no_grad;
  for (auto& item : module.named_parameters()) {
    at::Tensor& parameter = item.value();
    if (parameter.dim() == 4) {
      const auto fan_out =
          static_cast<double>(parameter.numel()) / static_cast<double>(parameter.size(1));
      parameter.normal_(0, std::sqrt(2 / fan_out));
    } else if (parameter.dim() > 1) {
      parameter.normal_(0, kDeviation);
    } else {
      parameter.fill_(item.key().ends_with("weight") ? 1 : 0);
    }
  }
}

}  // namespace alignflow
