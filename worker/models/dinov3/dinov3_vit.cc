#include "worker/models/dinov3/dinov3_vit.h"

#include <ATen/ATen.h>
#include <torch/nn/modules/container/modulelist.h>

#include <stdexcept>
#include <string>

#include "worker/models/dinov3/dinov3_layer.h"
#include "worker/models/recompute.h"

namespace alignflow {

DinoV3ViT::DinoV3ViT(const DinoV3Config& config, const at::TensorOptions& options)
    : config_(config) {
  const int64_t width = config.hidden_size;
  auto embeddings = register_module("embeddings", std::make_shared<torch::nn::Module>());
  cls_token_ = embeddings->register_parameter("cls_token", at::empty({1, 1, width}, options));
  // For pretraining alone; checkpoints hold it.
  embeddings->register_parameter("mask_token", at::empty({1, 1, width}, options));
  register_tokens_ = embeddings->register_parameter(
      "register_tokens", at::empty({1, config.num_register_tokens, width}, options));
  patch_embeddings_ = embeddings->register_module(
      "patch_embeddings",
      std::make_shared<hf::Conv2d>(config.num_channels, width, config.patch_size, config.patch_size,
                                   /*padding=*/0, options));
  torch::nn::ModuleList list;
  for (int64_t i = 0; i < config.num_hidden_layers; ++i) {
    layers_.push_back(std::make_shared<DinoV3Layer>(config, options));
    list->push_back(layers_.back());
  }
  register_module("layer", list);
  norm_ = register_module("norm",
                          std::make_shared<hf::LayerNorm>(width, config.layer_norm_eps, options));
}

DinoV3ViT::~DinoV3ViT() = default;

DinoV3ViT::Output DinoV3ViT::Forward(const at::Tensor& pixels) const {
  if (pixels.dim() != 4 || pixels.size(1) != config_.num_channels ||
      pixels.size(2) < config_.patch_size || pixels.size(3) < config_.patch_size) {
    throw std::invalid_argument("DINOv3 cannot look at pixels of " + c10::str(pixels.sizes()));
  }
  const at::Tensor patches =
      patch_embeddings_->Forward(pixels.to(cls_token_.scalar_type()));  // [B,D,rows,columns]
  const int64_t batch = pixels.size(0);
  at::Tensor h =
      at::cat({cls_token_.expand({batch, -1, -1}), register_tokens_.expand({batch, -1, -1}),
               patches.flatten(2).transpose(1, 2)},
              1);
  const RotaryPositions positions =
      DinoV3Positions(config_, patches.size(2), patches.size(3), patches);
  for (const auto& layer : layers_) {
    h = Recompute([layer, positions](const at::Tensor& x) { return layer->Forward(x, positions); },
                  h);
  }
  h = norm_->Forward(h);
  return {h, h.select(1, 0)};
}

at::Tensor DinoV3Pixels(const at::Tensor& image, const DinoV3Preprocessing& preprocessing) {
  // Filled on the image's device: a copy from the host would make the host wait.
  const auto row = [&image](const std::vector<double>& values) {
    std::vector<at::Tensor> channels;
    for (double value : values) {
      channels.push_back(at::full({1, 1, 1, 1}, value, image.options().dtype(at::kFloat)));
    }
    return at::cat(channels, 1);
  };
  at::Tensor pixels = image.to(at::kFloat) * 0.5 + 0.5;
  if (pixels.size(2) != preprocessing.height || pixels.size(3) != preprocessing.width) {
    pixels = at::_upsample_bilinear2d_aa(pixels, {preprocessing.height, preprocessing.width},
                                         /*align_corners=*/false);
  }
  return (pixels - row(preprocessing.mean)) / row(preprocessing.deviation);
}

}  // namespace alignflow
