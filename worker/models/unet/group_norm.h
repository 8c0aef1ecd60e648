#ifndef ALIGNFLOW_WORKER_MODELS_UNET_GROUP_NORM_H_
#define ALIGNFLOW_WORKER_MODELS_UNET_GROUP_NORM_H_

#include <torch/nn/module.h>

namespace alignflow {

enum class Activation { kNone, kSilu };

// act(weight GN(x + shift) + bias), where GN brings each of `groups` groups of channels to zero
// mean and unit variance per sample. x: [N,C,...]; shift: [N,C] float32 or undefined; weight, bias:
// [C]. Returns the shape and layout of x. On the CPU, for channels-last x in float32 or bfloat16
// with C a multiple of 16, one pass over memory does what the separate operations need three for
// (and seven against four backward); sums run in an order that does not depend on the number of
// threads. Elsewhere ATen's operations do it.
at::Tensor FusedGroupNorm(const at::Tensor& x, const at::Tensor& shift, const at::Tensor& weight,
                          const at::Tensor& bias, int64_t groups, double eps, Activation act);

// The parameters "weight" and "bias" of torch.nn.GroupNorm, and the operation above.
class GroupNorm : public torch::nn::Module {
 public:
  GroupNorm(int64_t groups, int64_t channels, double eps);
  at::Tensor Forward(const at::Tensor& x, Activation act, const at::Tensor& shift = {}) const {
    return FusedGroupNorm(x, shift, weight_, bias_, groups_, eps_, act);
  }

 private:
  int64_t groups_;
  double eps_;
  at::Tensor weight_;
  at::Tensor bias_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_UNET_GROUP_NORM_H_
