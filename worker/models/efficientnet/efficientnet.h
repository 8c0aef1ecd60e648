#ifndef ALIGNFLOW_WORKER_MODELS_EFFICIENTNET_EFFICIENTNET_H_
#define ALIGNFLOW_WORKER_MODELS_EFFICIENTNET_EFFICIENTNET_H_

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "worker/models/efficientnet/efficientnet_config.h"

namespace alignflow {

// EfficientNet-Lite with the parameter and buffer names of the PyPI package
// efficientnet_lite_pytorch and of its checkpoints: mobile inverted bottlenecks with ReLU6, padded
// as TensorFlow's "same" is, without dropout. Differentiable; computes in any floating type, batch
// norms in float32. Parameters are drawn from the global generator (He et al., arXiv:1502.01852).
// Thread-safe once frozen.
class EfficientNet : public torch::nn::Module {
 public:
  explicit EfficientNet(const EfficientNetConfig& config);
  ~EfficientNet() override;

  // images: [B,3,H,W] RGB in [-1,1]. Returns what the published weights were trained on,
  // (byte - 127) / 128, in the layout that convolutions are fastest in.
  static at::Tensor Pixels(const at::Tensor& images);

  // pixels: [B,3,H,W]. Returns the last block's output of every resolution: [B,C,H/2,W/2],
  // [B,C,H/4,W/4] and so on, sides rounded up, with the channels of config.LevelChannels().
  std::vector<at::Tensor> Levels(const at::Tensor& pixels) const;
  // last: the last level. Returns [B,head] float32, the mean over all places of the head's
  // features.
  at::Tensor Pooled(const at::Tensor& last) const;
  // pooled: [B,head]. Returns logits [B,classes].
  at::Tensor Classify(const at::Tensor& pooled) const;

  // From now on the weights do not change and batch norms are part of the convolutions; gradients
  // are those with respect to the pixels alone.
  void Freeze();

  const EfficientNetConfig& config() const { return config_; }

 private:
  class Layer;
  class Block;

  EfficientNetConfig config_;
  std::shared_ptr<Layer> stem_, head_;  // head_ is null without one
  std::vector<std::shared_ptr<Block>> blocks_;
  at::Tensor class_weight_, class_bias_;
};

// Copies a safetensors file's tensors into the net; others, such as the classifier's for a net
// without one, may be there. Throws std::runtime_error naming file and tensor.
void LoadEfficientNet(const std::filesystem::path& file, const EfficientNet& net);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_EFFICIENTNET_EFFICIENTNET_H_
