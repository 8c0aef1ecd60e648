#include "worker/models/efficientnet/efficientnet.h"

#include <ATen/core/grad_mode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/nn/modules/container/modulelist.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <string>

#include "worker/models/batch_norm.h"
#include "worker/models/safetensors.h"
#include "worker/models/unet/merged_model.h"

namespace alignflow {
namespace {

constexpr double kBatchNormEps = 1e-3;

struct LayerShape {
  int64_t in = 0, out = 0;
  int64_t kernel = 1;
  int64_t stride = 1;
  bool depthwise = false;
  bool activated = true;
};

// TensorFlow's "same": what is missing of ceil(side / stride) windows, the greater half behind.
int64_t MissingPixels(int64_t side, int64_t kernel, int64_t stride) {
  const int64_t windows = (side + stride - 1) / stride;
  return std::max<int64_t>(0, (windows - 1) * stride + kernel - side);
}

}  // namespace

// A convolution without bias, its batch norm and, if activated, ReLU6. The two are registered under
// the names that the checkpoint has for them in `owner`.
class EfficientNet::Layer {
 public:
  Layer(torch::nn::Module& owner, const std::string& convolution, const std::string& norm,
        const LayerShape& shape)
      : shape_(shape) {
    const int64_t fan_out = shape.kernel * shape.kernel * (shape.depthwise ? 1 : shape.out);
    at::Tensor weight =
        at::empty({shape.out, shape.depthwise ? 1 : shape.in, shape.kernel, shape.kernel},
                  at::TensorOptions().memory_format(at::MemoryFormat::ChannelsLast));
    weight.normal_(0, std::sqrt(2.0 / static_cast<double>(fan_out)));
    weight_ = owner.register_module(convolution, std::make_shared<torch::nn::Module>("conv"))
                  ->register_parameter("weight", std::move(weight));
    norm_ = owner.register_module(norm, std::make_shared<BatchNorm>(shape.out, kBatchNormEps));
  }

  at::Tensor Forward(const at::Tensor& x) const {
    at::Tensor y = Convolve(x);
    if (!frozen_weight_.defined()) y = norm_->Forward(y);
    return shape_.activated ? at::hardtanh_(y, 0, 6) : y;
  }

  void Freeze() {
    const at::NoGradGuard no_grad;
    frozen_weight_ = (weight_.detach().to(at::kDouble) * norm_->Scale().view({-1, 1, 1, 1}))
                         .to(weight_.scalar_type());
    frozen_bias_ = norm_->Offset().to(weight_.scalar_type());
  }

 private:
  at::Tensor Convolve(at::Tensor x) const {
    // oneDNN's gradient of depthwise filters is several times slower in bfloat16 than in float32.
    std::optional<c10::impl::ExcludeDispatchKeyGuard> wide;
    if (shape_.depthwise && x.is_cpu()) {
      wide.emplace(c10::autocast_dispatch_keyset);
      x = x.to(weight_.scalar_type());
    }
    const int64_t rows = MissingPixels(x.size(2), shape_.kernel, shape_.stride);
    const int64_t columns = MissingPixels(x.size(3), shape_.kernel, shape_.stride);
    std::array<int64_t, 2> padding{rows / 2, columns / 2};
    if (rows % 2 != 0 || columns % 2 != 0) {
      x = at::constant_pad_nd(x, {columns / 2, columns - columns / 2, rows / 2, rows - rows / 2});
      padding = {0, 0};
    }
    const bool frozen = frozen_weight_.defined();
    return at::conv2d(x, frozen ? frozen_weight_ : weight_, frozen ? frozen_bias_ : at::Tensor(),
                      {shape_.stride, shape_.stride}, padding, {1, 1},
                      shape_.depthwise ? shape_.in : 1);
  }

  LayerShape shape_;
  at::Tensor weight_;
  std::shared_ptr<BatchNorm> norm_;
  at::Tensor frozen_weight_, frozen_bias_;  // with the batch norm folded in
};

// A mobile inverted bottleneck: expanded, filtered channel by channel, and projected.
class EfficientNet::Block : public torch::nn::Module {
 public:
  Block(int64_t in, const EfficientNetConfig::Stage& stage, int64_t stride)
      : added_(stride == 1 && in == stage.channels) {
    const int64_t wide = in * stage.expansion;
    if (stage.expansion != 1) {
      layers_.emplace_back(*this, "_expand_conv", "_bn0", LayerShape{.in = in, .out = wide});
    }
    layers_.emplace_back(
        *this, "_depthwise_conv", "_bn1",
        LayerShape{
            .in = wide, .out = wide, .kernel = stage.kernel, .stride = stride, .depthwise = true});
    layers_.emplace_back(*this, "_project_conv", "_bn2",
                         LayerShape{.in = wide, .out = stage.channels, .activated = false});
  }

  at::Tensor Forward(const at::Tensor& x) const {
    at::Tensor y = x;
    for (const Layer& layer : layers_) y = layer.Forward(y);
    return added_ ? y.add_(x) : y;
  }

  void Freeze() {
    for (Layer& layer : layers_) layer.Freeze();
  }

 private:
  bool added_;
  std::vector<Layer> layers_;
};

EfficientNet::EfficientNet(const EfficientNetConfig& config) : config_(config) {
  stem_ =
      std::make_shared<Layer>(*this, "_conv_stem", "_bn0",
                              LayerShape{.in = 3, .out = config.stem, .kernel = 3, .stride = 2});
  torch::nn::ModuleList blocks;
  int64_t channels = config.stem;
  for (const EfficientNetConfig::Stage& stage : config.stages) {
    for (int64_t i = 0; i < stage.blocks; ++i) {
      blocks_.push_back(std::make_shared<Block>(channels, stage, i == 0 ? stage.stride : 1));
      blocks->push_back(blocks_.back());
      channels = stage.channels;
    }
  }
  register_module("_blocks", blocks);
  if (config.head == 0) return;
  head_ = std::make_shared<Layer>(*this, "_conv_head", "_bn1",
                                  LayerShape{.in = channels, .out = config.head});
  if (config.classes == 0) return;
  const auto classifier = register_module("_fc", std::make_shared<torch::nn::Module>("fc"));
  const double bound = 1 / std::sqrt(static_cast<double>(config.head));
  class_weight_ = classifier->register_parameter(
      "weight", at::empty({config.classes, config.head}).uniform_(-bound, bound));
  class_bias_ = classifier->register_parameter("bias", at::zeros({config.classes}));
}

EfficientNet::~EfficientNet() = default;

at::Tensor EfficientNet::Pixels(const at::Tensor& images) {
  return (images * (127.5 / 128) + 0.5 / 128).contiguous(at::MemoryFormat::ChannelsLast);
}

std::vector<at::Tensor> EfficientNet::Levels(const at::Tensor& pixels) const {
  std::vector<at::Tensor> levels;
  at::Tensor x = stem_->Forward(pixels);
  size_t block = 0;
  for (size_t stage = 0; stage < config_.stages.size(); ++stage) {
    for (int64_t i = 0; i < config_.stages[stage].blocks; ++i) x = blocks_[block++]->Forward(x);
    const bool last = stage + 1 == config_.stages.size() || config_.stages[stage + 1].stride == 2;
    if (last) levels.push_back(x);
  }
  return levels;
}

at::Tensor EfficientNet::Pooled(const at::Tensor& last) const {
  return head_->Forward(last).to(at::kFloat).mean({2, 3});
}

at::Tensor EfficientNet::Classify(const at::Tensor& pooled) const {
  return at::linear(pooled, class_weight_, class_bias_);
}

void EfficientNet::Freeze() {
  for (at::Tensor& parameter : parameters()) parameter.requires_grad_(false);
  stem_->Freeze();
  for (const auto& block : blocks_) block->Freeze();
  if (head_) head_->Freeze();
  eval();
}

void LoadEfficientNet(const std::filesystem::path& file, const EfficientNet& net) {
  const SafetensorsFile weights(file);
  const std::map<std::string, at::Tensor> target = StateOf(net);
  std::map<std::string, at::Tensor> source;
  for (const auto& [name, tensor] : target) {
    if (weights.Has(name)) source.emplace(name, weights.Get(name));
  }
  const at::NoGradGuard no_grad;
  CopyState(source, target, file.string());
}

}  // namespace alignflow
