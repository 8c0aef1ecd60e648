#include "worker/models/unet/merged_model.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <stdexcept>

namespace alignflow {

std::map<std::string, at::Tensor> StateOf(const torch::nn::Module& module) {
  std::map<std::string, at::Tensor> state;
  for (const auto& item : module.named_parameters()) state.emplace(item.key(), item.value());
  for (const auto& item : module.named_buffers()) state.emplace(item.key(), item.value());
  return state;
}

MergedModel::MergedModel(const UNetConfig& config)
    : config_(config),
      unet_(register_module("unet", std::make_shared<DiffusionModelUNet>(config))) {
  if (!config.mask_conditioning) return;
  controlnet_ = register_module("controlnet", std::make_shared<ControlNet>(config));
  const at::NoGradGuard no_grad;
  const std::map<std::string, at::Tensor> source = StateOf(*unet_);
  for (const auto& [name, tensor] : StateOf(*controlnet_)) {
    const auto found = source.find(name);
    if (found != source.end()) tensor.copy_(found->second);
  }
}

void MergedModel::Freeze() {
  eval();
  for (at::Tensor& parameter : parameters()) parameter.requires_grad_(false);
  for (const auto& module : modules(/*include_self=*/false)) {
    if (auto* convolution = module->as<Convolution>()) convolution->Freeze();
  }
  if (controlnet_) controlnet_->Freeze();
}

at::Tensor MergedModel::Velocity(const at::Tensor& x, const at::Tensor& t,
                                 const Condition& condition) {
  if (condition.mask.defined() != (controlnet_ != nullptr)) {
    throw std::invalid_argument(controlnet_ ? "this model needs a mask (mask_conditioning is set)"
                                            : "a mask given to a model without mask_conditioning");
  }
  at::Tensor timesteps = t * static_cast<double>(config_.max_timestep - 1);
  if (config_.integer_timesteps) timesteps = timesteps.floor();
  if (timesteps.dim() == 0) timesteps = timesteps.expand({x.size(0)});
  at::Tensor context = condition.context;
  if (context.defined() && context.dim() == 2) context = context.unsqueeze(1);
  ControlResiduals residuals;
  if (controlnet_) {
    residuals = controlnet_->Forward(x, timesteps, condition.mask, context, condition.class_labels);
  }
  return unet_->Forward(x, timesteps, context, condition.class_labels, std::move(residuals));
}

}  // namespace alignflow
