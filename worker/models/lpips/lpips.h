#ifndef ALIGNFLOW_WORKER_MODELS_LPIPS_LPIPS_H_
#define ALIGNFLOW_WORKER_MODELS_LPIPS_LPIPS_H_

#include <ATen/ATen.h>

#include <map>
#include <string>
#include <vector>

namespace alignflow {

// The learned perceptual distance LPIPS (Zhang et al. 2018, arXiv:1801.03924, eq. 1), version 0.1
// on AlexNet: squared differences of unit activations after the five ReLUs, weighted by channel,
// averaged over positions and summed over layers. Computes in float32. Thread-safe.
class Lpips {
 public:
  // weights: "features.{0,3,6,8,10}.{weight,bias}" of torchvision's AlexNet and "lin{0..4}.weight"
  // [1,C,1,1]. Throws std::runtime_error naming a tensor that is missing or of another shape.
  explicit Lpips(const std::map<std::string, at::Tensor>& weights, at::Device device = at::kCPU);

  // a, b: [B,3,H,W] RGB in [-1,1] on the model's device, sides of at least 32. Returns [B], 0 for
  // equal images.
  at::Tensor Distance(const at::Tensor& a, const at::Tensor& b) const;

 private:
  // After each ReLU, each position's vector of length 1.
  std::vector<at::Tensor> Activations(const at::Tensor& image) const;

  std::vector<at::Tensor> weights_, biases_, lins_;
  at::Tensor shift_, scale_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_LPIPS_LPIPS_H_
