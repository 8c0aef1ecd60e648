#include "worker/models/batch_norm.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace alignflow {

BatchNorm::BatchNorm(int64_t channels, double eps)
    : eps_(eps),
      weight_(register_parameter("weight", at::ones({channels}))),
      bias_(register_parameter("bias", at::zeros({channels}))),
      mean_(register_buffer("running_mean", at::zeros({channels}))),
      variance_(register_buffer("running_var", at::ones({channels}))) {
  register_buffer("num_batches_tracked", at::zeros({}, at::kLong));
}

at::Tensor BatchNorm::Forward(const at::Tensor& input) {
  // A reduced type would lose the digits of a small variance on a large mean.
  const at::Tensor x = input.to(at::kFloat);
  if (settling_) {
    const at::NoGradGuard no_grad;
    ++batches_;
    mean_ += x.mean({0, 2, 3});
    variance_ += x.var({0, 2, 3}, /*unbiased=*/true);
  }
  const bool own = is_training() || settling_;
  return at::batch_norm(x, weight_, bias_, own ? at::Tensor() : mean_,
                        own ? at::Tensor() : variance_, own, /*momentum=*/0, eps_,
                        /*cudnn_enabled=*/true);
}

void BatchNorm::StartSettling() {
  settling_ = true;
  batches_ = 0;
  mean_.zero_();
  variance_.zero_();
}

void BatchNorm::FinishSettling() {
  settling_ = false;
  const double count = static_cast<double>(std::max<int64_t>(1, batches_));
  mean_.div_(count);
  variance_.div_(count);
}

at::Tensor BatchNorm::Scale() const {
  return weight_.detach().to(at::kDouble) * (variance_.to(at::kDouble) + eps_).rsqrt();
}

at::Tensor BatchNorm::Offset() const {
  return bias_.detach().to(at::kDouble) - mean_.to(at::kDouble) * Scale();
}

void SettleBatchNorms(torch::nn::Module& module, const std::function<void(int64_t batch)>& pass,
                      int64_t batches) {
  const at::NoGradGuard no_grad;
  std::vector<std::shared_ptr<BatchNorm>> norms;
  for (const auto& child : module.modules()) {
    if (auto norm = std::dynamic_pointer_cast<BatchNorm>(child)) norms.push_back(std::move(norm));
  }
  for (const auto& norm : norms) norm->StartSettling();
  for (int64_t i = 0; i < batches; ++i) pass(i);
  for (const auto& norm : norms) norm->FinishSettling();
}

}  // namespace alignflow
