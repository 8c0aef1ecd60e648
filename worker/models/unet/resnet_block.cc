#include "worker/models/unet/resnet_block.h"

#include <ATen/ATen.h>

namespace alignflow {
namespace {

at::Tensor Repeat(const at::Tensor& x) {
  const auto sizes = x.sizes();
  if (x.dim() == 4) return at::upsample_nearest2d(x, {2 * sizes[2], 2 * sizes[3]});
  return at::upsample_nearest3d(x, {2 * sizes[2], 2 * sizes[3], 2 * sizes[4]});
}

at::Tensor AveragePool(const at::Tensor& x) {
  return x.dim() == 4 ? at::avg_pool2d(x, 2, 2) : at::avg_pool3d(x, 2, 2);
}

}  // namespace

Downsample::Downsample(int64_t spatial_dims, int64_t channels)
    : op_(register_module(
          "op", std::make_shared<Convolution>(ConvolutionOptions{.spatial_dims = spatial_dims,
                                                                 .in_channels = channels,
                                                                 .out_channels = channels,
                                                                 .stride = 2}))) {}

at::Tensor Downsample::Forward(const at::Tensor& x, const at::Tensor& /*time*/) {
  return op_->Forward(x);
}

Upsample::Upsample(int64_t spatial_dims, int64_t channels)
    : conv_(register_module(
          "conv",
          std::make_shared<Convolution>(ConvolutionOptions{
              .spatial_dims = spatial_dims, .in_channels = channels, .out_channels = channels}))) {}

at::Tensor Upsample::Forward(const at::Tensor& x, const at::Tensor& /*time*/) {
  return conv_->Forward(Repeat(x));
}

ResnetBlock::ResnetBlock(const UNetConfig& config, int64_t in_channels, int64_t out_channels,
                         int64_t time_channels, Resize resize)
    : resize_(resize) {
  ConvolutionOptions options{.spatial_dims = config.spatial_dims,
                             .in_channels = in_channels,
                             .out_channels = out_channels};
  norm1_ = register_module(
      "norm1", std::make_shared<GroupNorm>(config.norm_num_groups, in_channels, config.norm_eps));
  conv1_ = register_module("conv1", std::make_shared<Convolution>(options));
  time_emb_proj_ = register_module("time_emb_proj", torch::nn::Linear(time_channels, out_channels));
  norm2_ = register_module(
      "norm2", std::make_shared<GroupNorm>(config.norm_num_groups, out_channels, config.norm_eps));
  if (in_channels != out_channels) {
    ConvolutionOptions skip = options;
    skip.kernel = 1;
    skip_connection_ = register_module("skip_connection", std::make_shared<Convolution>(skip));
  }
  options.in_channels = out_channels;
  options.zero = true;
  conv2_ = register_module("conv2", std::make_shared<Convolution>(options));
}

at::Tensor ResnetBlock::Forward(const at::Tensor& input, const at::Tensor& time) {
  at::Tensor x = input;
  at::Tensor h = norm1_->Forward(x, Activation::kSilu);
  if (resize_ == Resize::kUp) {
    x = Repeat(x);
    h = Repeat(h);
  } else if (resize_ == Resize::kDown) {
    x = AveragePool(x);
    h = AveragePool(h);
  }
  h = conv1_->Forward(h);
  h = norm2_->Forward(h, Activation::kSilu, time_emb_proj_->forward(time));
  h = conv2_->Forward(h);
  // In place: no operation keeps a convolution's result for its backward pass.
  return h.add_(skip_connection_ ? skip_connection_->Forward(x) : x);
}

}  // namespace alignflow
