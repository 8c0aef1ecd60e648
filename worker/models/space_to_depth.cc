#include "worker/models/space_to_depth.h"

#include <stdexcept>

namespace alignflow {

SpaceToDepth::SpaceToDepth(int64_t channels, int64_t block, int64_t spatial_dims)
    : channels_(channels), block_(block), spatial_dims_(spatial_dims) {
  if (channels < 1 || block < 1 || (spatial_dims != 2 && spatial_dims != 3)) {
    throw std::invalid_argument("SpaceToDepth: channels and block must be positive, 2-D or 3-D");
  }
  int64_t width = channels;
  for (int64_t i = 0; i < spatial_dims; ++i) width *= block;
  basis_ = at::eye(width);
  mean_ = at::zeros({width});
  scale_ = at::ones({width});
}

at::Tensor SpaceToDepth::Split(const at::Tensor& image) const {
  if (image.dim() != spatial_dims_ + 2 || image.size(1) != channels_) {
    throw std::invalid_argument("SpaceToDepth: images of " + std::to_string(channels_) +
                                " channels in " + std::to_string(spatial_dims_) +
                                "-D are expected");
  }
  // [B,C,h*b,w*b] -> [B,C,h,b,w,b] -> [B,h,w,C,b,b] -> [B,h,w,D]
  std::vector<int64_t> shape = {image.size(0), channels_};
  std::vector<int64_t> order = {0};
  std::vector<int64_t> inner = {1};
  for (int64_t i = 0; i < spatial_dims_; ++i) {
    const int64_t side = image.size(2 + i);
    if (side % block_ != 0) {
      throw std::invalid_argument("SpaceToDepth: a side of " + std::to_string(side) +
                                  " pixels is not a multiple of " + std::to_string(block_));
    }
    shape.push_back(side / block_);
    shape.push_back(block_);
    order.push_back(2 + 2 * i);
    inner.push_back(3 + 2 * i);
  }
  order.insert(order.end(), inner.begin(), inner.end());
  return image.reshape(shape).permute(order).flatten(1 + spatial_dims_);
}

at::Tensor SpaceToDepth::Join(const at::Tensor& blocks) const {
  // [B,h,w,D] -> [B,h,w,C,b,b] -> [B,C,h,b,w,b] -> [B,C,h*b,w*b]
  std::vector<int64_t> shape = blocks.sizes().vec();
  shape.back() = channels_;
  std::vector<int64_t> order = {0, 1 + spatial_dims_};
  std::vector<int64_t> result = {blocks.size(0), channels_};
  for (int64_t i = 0; i < spatial_dims_; ++i) {
    shape.push_back(block_);
    order.push_back(1 + i);
    order.push_back(2 + spatial_dims_ + i);
    result.push_back(blocks.size(1 + i) * block_);
  }
  return blocks.reshape(shape).permute(order).reshape(result);
}

void SpaceToDepth::Fit(const at::Tensor& images, double floor) {
  if (images.dim() < 1 || images.size(0) < 1) {
    throw std::invalid_argument("SpaceToDepth: no image to fit to");
  }
  const at::NoGradGuard no_grad;
  const int64_t width = latent_channels();
  // One image after another, so that a large data set is never held twice.
  at::Tensor sum = at::zeros({width}, at::kDouble);
  at::Tensor products = at::zeros({width, width}, at::kDouble);
  int64_t count = 0;
  for (int64_t i = 0; i < images.size(0); ++i) {
    const at::Tensor blocks =
        Split(images.narrow(0, i, 1).to(at::kCPU, at::kDouble)).reshape({-1, width});
    sum += blocks.sum(0);
    products += blocks.t().mm(blocks);
    count += blocks.size(0);
  }
  const at::Tensor mean = sum / count;
  const at::Tensor covariance = products / count - at::outer(mean, mean);
  // Principal directions, by falling variance; each with its largest entry positive, so that a fit
  // has one result.
  at::Tensor directions = std::get<1>(at::linalg_eigh(covariance)).flip(1).t();
  const at::Tensor largest = directions.abs().argmax(1, /*keepdim=*/true);
  directions = directions * directions.gather(1, largest).sign();
  const at::Tensor variance = directions.mm(covariance).mul(directions).sum(1);
  basis_.copy_(directions);
  mean_.copy_(mean);
  scale_.copy_(variance.clamp_min(0).sqrt().clamp_min(floor));
}

at::Tensor SpaceToDepth::Encode(const at::Tensor& image) const {
  const at::Tensor centered = Split(image) - mean_;
  return at::matmul(centered, (basis_ / scale_.unsqueeze(1)).t()).movedim(-1, 1);
}

at::Tensor SpaceToDepth::Decode(const at::Tensor& latent) const {
  if (latent.dim() != spatial_dims_ + 2 || latent.size(1) != latent_channels()) {
    throw std::invalid_argument("SpaceToDepth: latents of " + std::to_string(latent_channels()) +
                                " channels are expected");
  }
  return Join(at::matmul(latent.movedim(1, -1), basis_ * scale_.unsqueeze(1)) + mean_);
}

std::map<std::string, at::Tensor> SpaceToDepth::state() const {
  return {{"basis", basis_}, {"mean", mean_}, {"scale", scale_}};
}

void SpaceToDepth::To(at::Device device) {
  for (at::Tensor* tensor : {&basis_, &mean_, &scale_}) *tensor = tensor->to(device);
}

}  // namespace alignflow
