#include "worker/models/unet/convolution.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>

#include <cmath>

namespace alignflow {
namespace {

// oneDNN's convolution on packed weights, which ATen offers to compiled graphs and has no function
// for.
at::Tensor PackedConvolution(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                             at::IntArrayRef padding, at::IntArrayRef stride,
                             at::IntArrayRef dilation) {
  using Scalars = c10::List<std::optional<at::Scalar>>;
  static const auto operation =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("mkldnn::_convolution_pointwise", "")
          .typed<at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&,
                            at::IntArrayRef, at::IntArrayRef, at::IntArrayRef, int64_t,
                            std::string_view, Scalars, std::optional<std::string_view>)>();
  return operation.call(x, weight, bias, padding, stride, dilation, /*groups=*/1, "none", Scalars(),
                        std::nullopt);
}

}  // namespace

Convolution::Convolution(const ConvolutionOptions& options)
    : stride_(options.spatial_dims, options.stride),
      padding_(options.spatial_dims, options.kernel / 2),
      dilation_(options.spatial_dims, 1) {
  std::vector<int64_t> shape = {options.out_channels, options.in_channels};
  shape.resize(2 + options.spatial_dims, options.kernel);
  at::Tensor weight =
      at::empty(shape, at::TensorOptions().memory_format(ChannelsLast(options.spatial_dims)));
  at::Tensor bias = at::zeros({options.bias ? options.out_channels : 0});
  if (options.zero) {
    weight.zero_();
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
  if (options.bias) bias_ = owner->register_parameter("bias", std::move(bias));
}

at::Tensor Convolution::Forward(const at::Tensor& x) {
  if (frozen_ && x.is_cpu() && !at::GradMode::is_enabled() && at::hasMKLDNN()) {
    return ForwardPacked(x);
  }
  return stride_.size() == 2 ? at::conv2d(x, weight_, bias_, stride_, padding_)
                             : at::conv3d(x, weight_, bias_, stride_, padding_);
}

at::Tensor Convolution::ForwardPacked(const at::Tensor& x) {
  const at::ScalarType type = at::autocast::is_autocast_enabled(at::kCPU)
                                  ? at::autocast::get_autocast_dtype(at::kCPU)
                                  : weight_.scalar_type();
  if (!packed_weight_.defined() || packed_weight_.scalar_type() != type) {
    const at::Tensor plain = weight_.detach().to(type).to_mkldnn();
    packed_weight_ =
        stride_.size() == 2
            ? at::mkldnn_reorder_conv2d_weight(plain, padding_, stride_, dilation_, 1, x.sizes())
            : at::mkldnn_reorder_conv3d_weight(plain, padding_, stride_, dilation_, 1, x.sizes());
    if (bias_.defined()) packed_bias_ = bias_.detach().to(type);
  }
  return PackedConvolution(x.to(type), packed_weight_, packed_bias_, padding_, stride_, dilation_);
}

}  // namespace alignflow
