#include "worker/models/segmenters/batch_norm.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

namespace alignflow {
namespace {

constexpr double kEps = 1e-5;

}  // namespace

BatchNorm::BatchNorm(int64_t channels)
    : weight_(register_parameter("weight", at::ones({channels}))),
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
                        own ? at::Tensor() : variance_, own, /*momentum=*/0, kEps,
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

}  // namespace alignflow
