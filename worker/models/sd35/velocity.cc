#include "worker/models/sd35/velocity.h"

#include <ATen/ATen.h>

#include <optional>
#include <stdexcept>
#include <utility>

#include "worker/models/scoped_autocast.h"

namespace alignflow {
namespace {

at::Tensor Twice(const at::Tensor& tensor) {
  return tensor.defined() ? at::cat({tensor, tensor}) : tensor;
}

// The empty prompt's part for each sample, then the prompts'.
at::Tensor Both(const at::Tensor& empty, const at::Tensor& prompts) {
  std::vector<int64_t> shape = empty.sizes().vec();
  shape[0] = prompts.size(0);
  return at::cat({empty.expand(shape), prompts});
}

}  // namespace

at::Tensor Sd35Velocity::Velocity(const at::Tensor& x, const at::Tensor& t,
                                  const Condition& condition) {
  if (!condition.context.defined() || !condition.pooled.defined()) {
    throw std::invalid_argument("SD 3.5 needs text tokens and pooled text");
  }
  if (condition.control.defined() != (controlnet_ != nullptr)) {
    throw std::invalid_argument(controlnet_ != nullptr
                                    ? "the ControlNet needs a control latent"
                                    : "there is no ControlNet to look at the control latent");
  }
  SD3Inputs inputs{x, (1 - t) * 1000, condition.context, condition.pooled};
  std::vector<at::Tensor> residuals;
  if (controlnet_ != nullptr) {
    SD3Inputs control_inputs = inputs;
    if (controlnet_->config().force_zeros_for_pooled_projection) {
      control_inputs.pooled = at::zeros_like(inputs.pooled);
    }
    // One that is kept in a wider type for training computes in the transformer's.
    std::optional<ScopedAutocast> scope;
    if (controlnet_->dtype() != transformer_.dtype()) {
      scope.emplace(x.device().type(), transformer_.dtype());
    }
    residuals = controlnet_->Forward(control_inputs, condition.control, control_scale_);
  }
  return transformer_.Forward(inputs, residuals, adapters_).to(x.scalar_type()).neg();
}

TextGuidedVelocity::TextGuidedVelocity(VelocityModel& model, double scale, at::Tensor empty_context,
                                       at::Tensor empty_pooled)
    : model_(model),
      scale_(scale),
      empty_context_(std::move(empty_context)),
      empty_pooled_(std::move(empty_pooled)) {}

at::Tensor TextGuidedVelocity::Velocity(const at::Tensor& x, const at::Tensor& t,
                                        const Condition& condition) {
  if (scale_ <= 1) return model_.Velocity(x, t, condition);
  const Condition both{.mask = Twice(condition.mask),
                       .class_labels = Twice(condition.class_labels),
                       .context = Both(empty_context_, condition.context),
                       .pooled = Both(empty_pooled_, condition.pooled),
                       .control = Twice(condition.control)};
  const std::vector<at::Tensor> velocities = model_.Velocity(Twice(x), Twice(t), both).chunk(2);
  return at::lerp(velocities[0], velocities[1], scale_);
}

}  // namespace alignflow
