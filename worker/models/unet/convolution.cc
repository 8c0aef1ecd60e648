#include "worker/models/unet/convolution.h"

#include <ATen/ATen.h>

#include <cmath>

namespace alignflow {

Convolution::Convolution(const ConvolutionOptions& options)
    : stride_(options.spatial_dims, options.stride),
      padding_(options.spatial_dims, options.kernel / 2) {
  std::vector<int64_t> shape = {options.out_channels, options.in_channels};
  shape.resize(2 + options.spatial_dims, options.kernel);
  at::Tensor weight =
      at::empty(shape, at::TensorOptions().memory_format(ChannelsLast(options.spatial_dims)));
  at::Tensor bias = at::empty({options.out_channels});
  if (options.zero) {
    weight.zero_();
    bias.zero_();
  } else {
    const double bound =
        1.0 / std::sqrt(options.in_channels * std::pow(options.kernel, options.spatial_dims));
    weight.uniform_(-bound, bound);
    bias.uniform_(-bound, bound);
  }
  torch::nn::Module* owner = this;
  if (options.nested) {
    owner = register_module("conv", std::make_shared<torch::nn::Module>("conv")).get();
  }
  weight_ = owner->register_parameter("weight", std::move(weight));
  bias_ = owner->register_parameter("bias", std::move(bias));
}

at::Tensor Convolution::Forward(const at::Tensor& x) const {
  return stride_.size() == 2 ? at::conv2d(x, weight_, bias_, stride_, padding_)
                             : at::conv3d(x, weight_, bias_, stride_, padding_);
}

}  // namespace alignflow
