#ifndef ALIGNFLOW_WORKER_MODELS_UNET_CONVOLUTION_H_
#define ALIGNFLOW_WORKER_MODELS_UNET_CONVOLUTION_H_

#include <torch/nn/module.h>

#include <cstdint>
#include <vector>

namespace alignflow {

// The layout that both devices convolve fastest in.
inline at::MemoryFormat ChannelsLast(int64_t spatial_dims) {
  return spatial_dims == 3 ? at::MemoryFormat::ChannelsLast3d : at::MemoryFormat::ChannelsLast;
}

struct ConvolutionOptions {
  int64_t spatial_dims = 2;
  int64_t in_channels = 0;
  int64_t out_channels = 0;
  int64_t kernel = 3;  // padded by kernel / 2
  int64_t stride = 1;
  bool bias = true;
  bool zero = false;  // starts at zero, as a branch that must not disturb at first
  bool nested =
      true;  // parameters under "conv." as in MONAI's Convolution; false: directly under the module
};

// A convolution in 2 or 3 dimensions with torch.nn.Conv's initialization.
class Convolution : public torch::nn::Module {
 public:
  explicit Convolution(const ConvolutionOptions& options);
  // x: [N,in_channels,...]. Returns [N,out_channels,...].
  at::Tensor Forward(const at::Tensor& x);

  // From now on the weights do not change. Without gradients on the CPU they are then kept in the
  // order and precision that oneDNN computes with, instead of being reordered at every call.
  void Freeze() { frozen_ = true; }

 private:
  at::Tensor ForwardPacked(const at::Tensor& x);

  std::vector<int64_t> stride_;
  std::vector<int64_t> padding_;
  std::vector<int64_t> dilation_;
  at::Tensor weight_;
  at::Tensor bias_;  // undefined without one
  bool frozen_ = false;
  at::Tensor packed_weight_;
  at::Tensor packed_bias_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_UNET_CONVOLUTION_H_
