#include "worker/models/unet/space_to_depth.h"

#include <ATen/core/grad_mode.h>

#include <cmath>
#include <stdexcept>
#include <vector>

namespace alignflow {
namespace {

// A direction of less deviation (in units of [-1,1]) is noise of 8-bit rounding; it is scaled as if
// it had this much.
constexpr double kLeastDeviation = 0.008;
// The latent's deviation in the strongest direction, and how much of the differences is evened out
// (0: none, 1: whitening).
constexpr double kGreatestLatent = 2.5;
constexpr double kWhitening = 0.25;

}  // namespace

at::Tensor BlocksToChannels(const at::Tensor& image, int64_t block) {
  // [B,C,h*b,w*b] -> [B,C,h,b,w,b] -> [B,h,w,C,b,b] -> [B,h,w,D] -> [B,D,h,w]
  const int64_t dims = image.dim() - 2;
  std::vector<int64_t> shape = {image.size(0), image.size(1)};
  std::vector<int64_t> order = {0};
  std::vector<int64_t> inner = {1};
  for (int64_t i = 0; i < dims; ++i) {
    const int64_t side = image.size(2 + i);
    if (side % block != 0) {
      throw std::invalid_argument("a side of " + std::to_string(side) +
                                  " pixels is not a multiple of the block, " +
                                  std::to_string(block));
    }
    shape.insert(shape.end(), {side / block, block});
    order.push_back(2 + 2 * i);
    inner.push_back(3 + 2 * i);
  }
  order.insert(order.end(), inner.begin(), inner.end());
  return image.reshape(shape).permute(order).flatten(1 + dims).movedim(-1, 1);
}

at::Tensor ChannelsToBlocks(const at::Tensor& blocks, int64_t block) {
  // [B,D,h,w] -> [B,C,b,b,h,w] -> [B,C,h,b,w,b] -> [B,C,h*b,w*b]
  const int64_t dims = blocks.dim() - 2;
  std::vector<int64_t> shape = {blocks.size(0), -1};
  shape.insert(shape.end(), dims, block);
  std::vector<int64_t> order = {0, 1};
  std::vector<int64_t> result = {blocks.size(0), -1};
  for (int64_t i = 0; i < dims; ++i) {
    shape.push_back(blocks.size(2 + i));
    order.insert(order.end(), {2 + dims + i, 2 + i});
    result.push_back(blocks.size(2 + i) * block);
  }
  return blocks.reshape(shape).permute(order).reshape(result);
}

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
  deviation_ = at::ones({width});
}

void SpaceToDepth::Fit(const at::Tensor& images) {
  Fit(images.dim() == 0 ? 0 : images.size(0),
      [&](int64_t row) { return images.narrow(0, row, 1); });
}

void SpaceToDepth::Fit(int64_t count_of_images,
                       const std::function<at::Tensor(int64_t row)>& image_of) {
  const auto needed = [&] {
    return std::invalid_argument("SpaceToDepth: images [N," + std::to_string(channels_) +
                                 ",...] with N of at least 1 are needed for a fit");
  };
  if (count_of_images < 1) throw needed();
  const at::NoGradGuard no_grad;
  const int64_t width = latent_channels();
  at::Tensor sum = at::zeros({width}, at::kDouble);
  at::Tensor products = at::zeros({width, width}, at::kDouble);
  int64_t count = 0;
  for (int64_t i = 0; i < count_of_images; ++i) {
    const at::Tensor image = image_of(i).to(at::kCPU, at::kDouble);
    if (image.dim() != spatial_dims_ + 2 || image.size(1) != channels_) throw needed();
    const at::Tensor blocks = BlocksToChannels(image, block_).movedim(1, -1).reshape({-1, width});
    sum += blocks.sum(0);
    products += blocks.t().mm(blocks);
    count += blocks.size(0);
  }
  const at::Tensor mean = sum / count;
  const at::Tensor covariance = products / count - at::outer(mean, mean);
  // By falling variance; each with its largest entry positive, so that a fit has one result.
  at::Tensor directions = std::get<1>(at::linalg_eigh(covariance)).flip(1).t();
  const at::Tensor largest = directions.abs().argmax(1, /*keepdim=*/true);
  directions = directions * directions.gather(1, largest).sign();
  const at::Tensor variance = directions.mm(covariance).mul(directions).sum(1).clamp_min(0);
  const at::Tensor deviation = variance.sqrt().clamp_min(kLeastDeviation);
  const at::Tensor unit =
      deviation.max() /
      std::pow(kGreatestLatent, 1 / (1 - kWhitening));  // its latent has deviation 1
  const at::Tensor scale = deviation.pow(kWhitening) * unit.pow(1 - kWhitening);
  basis_.copy_(directions);
  mean_.copy_(mean);
  scale_.copy_(scale);
  deviation_.copy_(deviation / scale);
}

at::Tensor SpaceToDepth::Encode(const at::Tensor& image) const {
  if (image.dim() != spatial_dims_ + 2 || image.size(1) != channels_) {
    throw std::invalid_argument("SpaceToDepth: images of " + std::to_string(channels_) +
                                " channels in " + std::to_string(spatial_dims_) +
                                "-D are expected");
  }
  const at::Tensor centered = BlocksToChannels(image, block_).movedim(1, -1) - mean_;
  return at::matmul(centered, (basis_ / scale_.unsqueeze(1)).t()).movedim(-1, 1);
}

at::Tensor SpaceToDepth::Decode(const at::Tensor& latent) const {
  if (latent.dim() != spatial_dims_ + 2 || latent.size(1) != latent_channels()) {
    throw std::invalid_argument("SpaceToDepth: latents of " + std::to_string(latent_channels()) +
                                " channels are expected");
  }
  const at::Tensor blocks = at::matmul(latent.movedim(1, -1), basis_ * scale_.unsqueeze(1)) + mean_;
  return ChannelsToBlocks(blocks.movedim(-1, 1), block_);
}

std::map<std::string, at::Tensor> SpaceToDepth::state() const {
  return {{"basis", basis_}, {"mean", mean_}, {"scale", scale_}, {"deviation", deviation_}};
}

void SpaceToDepth::To(at::Device device) {
  for (at::Tensor* tensor : {&basis_, &mean_, &scale_, &deviation_}) {
    *tensor = tensor->to(device);
  }
}

}  // namespace alignflow
