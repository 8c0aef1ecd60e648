#include "worker/models/sd35/controlnet.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/nn/modules/container/modulelist.h>

#include <map>
#include <stdexcept>
#include <string>

#include "worker/models/unet/merged_model.h"

namespace alignflow {
namespace {

void Zero(const torch::nn::Module& module) {
  const at::NoGradGuard no_grad;
  for (const at::Tensor& parameter : module.parameters()) parameter.zero_();
}

// Where the text ends, a block takes (scale, shift) for it; where it goes on, (shift, scale) and
// four more, which change the text alone.
void CopyModulation(const at::Tensor& ending, const at::Tensor& going_on) {
  const int64_t width = ending.size(0) / 2;
  going_on.zero_();
  going_on.narrow(0, 0, width).copy_(ending.narrow(0, width, width));
  going_on.narrow(0, width, width).copy_(ending.narrow(0, 0, width));
}

}  // namespace

SD3ControlNet::SD3ControlNet(const SD3ControlNetConfig& config, const at::TensorOptions& options)
    : SD3Trunk(config, /*text_ends=*/false, options), config_(config) {
  const int64_t width = config.Width();
  torch::nn::ModuleList outputs;
  for (int64_t i = 0; i < config.num_layers; ++i) {
    outputs_.push_back(std::make_shared<hf::Linear>(width, width, /*bias=*/true, options));
    outputs->push_back(outputs_.back());
  }
  register_module("controlnet_blocks", outputs);
  pos_embed_input_ = register_module(
      "pos_embed_input",
      std::make_shared<PatchEmbedding>(config.in_channels + config.extra_conditioning_channels,
                                       config.patch_size, width, /*table_side=*/0, options));
  Zero(*outputs);
  Zero(*pos_embed_input_);
}

std::shared_ptr<SD3ControlNet> SD3ControlNet::FromTransformer(const SD3Transformer& transformer,
                                                              int64_t num_layers,
                                                              int64_t extra_conditioning_channels,
                                                              const at::TensorOptions& options) {
  if (num_layers < 1 || num_layers > transformer.config().num_layers) {
    throw std::invalid_argument("a ControlNet of " + std::to_string(num_layers) +
                                " blocks cannot be made from a transformer of " +
                                std::to_string(transformer.config().num_layers));
  }
  SD3ControlNetConfig config;
  static_cast<SD3TransformerConfig&>(config) = transformer.config();
  config.num_layers = num_layers;
  config.extra_conditioning_channels = extra_conditioning_channels;
  auto controlnet = std::make_shared<SD3ControlNet>(config, options);

  const at::NoGradGuard no_grad;
  const std::map<std::string, at::Tensor> source = StateOf(transformer);
  for (const auto& [name, target] : StateOf(*controlnet)) {
    const auto found = source.find(name);
    if (found == source.end()) {
      target.zero_();  // the zero layers, and what only the text's next block would see
    } else if (found->second.sizes() == target.sizes()) {
      target.copy_(found->second);
    } else {
      CopyModulation(found->second, target);
    }
  }
  return controlnet;
}

std::vector<at::Tensor> SD3ControlNet::Forward(const SD3Inputs& inputs, const at::Tensor& control,
                                               double scale) const {
  if (control.dim() != 4 || inputs.latent.dim() != 4 ||
      control.size(1) != config_.in_channels + config_.extra_conditioning_channels ||
      control.size(0) != inputs.latent.size(0) || control.size(2) != inputs.latent.size(2) ||
      control.size(3) != inputs.latent.size(3)) {
    throw std::invalid_argument(
        "a control latent of " + c10::str(control.sizes()) + " does not fit a latent of " +
        c10::str(inputs.latent.sizes()) + " and a ControlNet for " +
        std::to_string(config_.in_channels + config_.extra_conditioning_channels) + " channels");
  }
  JointTokens tokens = EmbedTokens(inputs);
  tokens.image = tokens.image + pos_embed_input_->Forward(control.to(dtype()));
  const at::Tensor embedding = EmbedTime(inputs);
  std::vector<at::Tensor> residuals;
  for (size_t i = 0; i < blocks().size(); ++i) {
    tokens = RecomputedForward(blocks()[i], tokens, embedding);
    const at::Tensor residual = outputs_[i]->Forward(tokens.image);
    residuals.push_back(scale == 1.0 ? residual : residual * scale);
  }
  return residuals;
}

}  // namespace alignflow
