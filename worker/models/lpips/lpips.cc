#include "worker/models/lpips/lpips.h"

#include <cstdint>
#include <stdexcept>

namespace alignflow {
namespace {

struct ComparedLayer {
  const char* name;
  int64_t out, in, side;  // the weight's shape
  int64_t stride, pad;
  bool pooled;  // a maximum over 3x3 with stride 2 comes before
};
constexpr ComparedLayer kLayers[] = {{"features.0", 64, 3, 11, 4, 2, false},
                                     {"features.3", 192, 64, 5, 1, 2, true},
                                     {"features.6", 384, 192, 3, 1, 1, true},
                                     {"features.8", 256, 384, 3, 1, 1, false},
                                     {"features.10", 256, 256, 3, 1, 1, false}};
constexpr double kUnitEpsilon = 1e-8;

at::Tensor Get(const std::map<std::string, at::Tensor>& weights, const std::string& name,
               at::IntArrayRef shape, at::Device device) {
  const auto found = weights.find(name);
  if (found == weights.end()) throw std::runtime_error("LPIPS has no tensor " + name);
  if (found->second.sizes() != shape) {
    throw std::runtime_error("LPIPS: the tensor " + name + " has another shape than AlexNet's");
  }
  return found->second.to(device, at::kFloat, /*non_blocking=*/false, /*copy=*/true);
}

}  // namespace

Lpips::Lpips(const std::map<std::string, at::Tensor>& weights, at::Device device) {
  for (const ComparedLayer& layer : kLayers) {
    const std::string name = layer.name;
    weights_.push_back(
        Get(weights, name + ".weight", {layer.out, layer.in, layer.side, layer.side}, device));
    biases_.push_back(Get(weights, name + ".bias", {layer.out}, device));
    lins_.push_back(Get(weights, "lin" + std::to_string(lins_.size()) + ".weight",
                        {1, layer.out, 1, 1}, device));
  }
  // ImageNet's mean and deviation, moved to [-1,1] and rounded as the published weights expect.
  shift_ = at::tensor({-0.030, -0.088, -0.188}, at::kFloat).view({1, 3, 1, 1}).to(device);
  scale_ = at::tensor({0.458, 0.448, 0.450}, at::kFloat).view({1, 3, 1, 1}).to(device);
}

std::vector<at::Tensor> Lpips::Activations(const at::Tensor& image) const {
  std::vector<at::Tensor> units;
  at::Tensor x = (image.to(at::kFloat) - shift_) / scale_;
  for (size_t i = 0; i < weights_.size(); ++i) {
    const ComparedLayer& layer = kLayers[i];
    if (layer.pooled) x = at::max_pool2d(x, {3, 3}, {2, 2});
    x = at::conv2d(x, weights_[i], biases_[i], {layer.stride, layer.stride}, {layer.pad, layer.pad})
            .relu_();
    units.push_back(x / (x.square().sum(1, /*keepdim=*/true) + kUnitEpsilon).sqrt());
  }
  return units;
}

at::Tensor Lpips::Distance(const at::Tensor& a, const at::Tensor& b) const {
  if (a.sizes() != b.sizes() || a.size(2) < 32 || a.size(3) < 32) {
    throw std::invalid_argument("LPIPS compares images of one size, 32 pixels or more a side");
  }
  const std::vector<at::Tensor> left = Activations(a), right = Activations(b);
  at::Tensor distance = at::zeros({a.size(0)}, a.options().dtype(at::kFloat));
  for (size_t i = 0; i < left.size(); ++i) {
    distance += at::conv2d((left[i] - right[i]).square(), lins_[i]).mean({1, 2, 3});
  }
  return distance;
}

}  // namespace alignflow
