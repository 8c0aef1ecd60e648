#include "worker/training/augmentation.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

namespace alignflow {
namespace {

constexpr double kLeastCrop = 0.75;
constexpr double kLeastScale = 0.35;
constexpr int64_t kBorder = 1, kReflection = 2;  // as at::grid_sampler numbers them

at::Tensor Uniform(at::IntArrayRef shape, double low, double high, at::Generator random,
                   at::Device device) {
  return (low + (high - low) * at::rand(shape, random)).to(device);
}

// [count,channels,1,...], beside images.
std::vector<int64_t> Beside(const at::Tensor& images, int64_t channels) {
  std::vector<int64_t> shape(images.dim(), 1);
  shape[0] = images.size(0);
  shape[1] = channels;
  return shape;
}

// float [count,1]
at::Tensor CropSides(int64_t count, at::Generator random) {
  return kLeastCrop + (1 - kLeastCrop) * at::rand({count, 1}, random);
}

// One image [1,C,...] with its sides divided by `by`, averaged over what becomes a pixel, as a
// camera does.
at::Tensor Shrunk(const at::Tensor& image, double by) {
  std::vector<int64_t> size;
  for (const int64_t side : image.sizes().slice(2)) {
    size.push_back(std::max<int64_t>(2, std::lround(static_cast<double>(side) / by)));
  }
  if (image.dim() == 5) return at::adaptive_avg_pool3d(image, size);
  return at::_upsample_bilinear2d_aa(image, size, false);
}

// A square or cubic window of each image at a place of its own, shown at the image's size. side:
// float [B,1], in sides of the image; a window of more than 1 holds the whole image.
ImagesAndClasses Windows(const ImagesAndClasses& batch, const at::Tensor& side, int64_t padding,
                         at::Generator random) {
  const int64_t count = batch.images.size(0), dims = batch.images.dim() - 2;
  // Of coordinates from -1 to 1, the window is [centre - side, centre + side].
  const at::Tensor centre = (1 - side) * (2 * at::rand({count, dims}, random) - 1);
  at::Tensor place = at::zeros({count, dims, dims + 1});
  for (int64_t axis = 0; axis < dims; ++axis) {
    place.select(1, axis).select(1, axis).copy_(side.select(1, 0));
    place.select(1, axis).select(1, dims).copy_(centre.select(1, axis));
  }
  constexpr int64_t kBilinear = 0, kNearest = 1;
  const at::Tensor grid = at::affine_grid_generator(place, batch.images.sizes(), false);
  const at::Tensor classes = batch.classes.to(at::kFloat).unsqueeze(1);
  const at::Tensor grid_there = grid.to(batch.images.device());
  at::Tensor images = at::grid_sampler(batch.images, grid_there, kBilinear, padding, false);
  for (int64_t i = 0; i < count; ++i) {
    const double shrunk = side[i].item<double>();
    if (shrunk <= 1) continue;
    // Coordinates from -1 to 1 stay.
    const at::Tensor small = Shrunk(batch.images.narrow(0, i, 1), shrunk);
    images.narrow(0, i, 1).copy_(
        at::grid_sampler(small, grid_there.narrow(0, i, 1), kBilinear, padding, false));
  }
  return {std::move(images),
          at::grid_sampler(classes, grid.to(classes.device()), kNearest, padding, false)
              .squeeze(1)
              .to(at::kByte)};
}

}  // namespace

at::Tensor OrdinaryColours(const at::Tensor& images, at::Generator random) {
  const auto uniform = [&](int64_t channels, double low, double high) {
    return Uniform(Beside(images, channels), low, high, random, images.device());
  };
  std::vector<int64_t> all_but_first(images.dim() - 1);
  std::iota(all_but_first.begin(), all_but_first.end(), 1);
  at::Tensor colours = (images * 0.5 + 0.5) * uniform(1, 0.6, 1.4);
  const at::Tensor mean = colours.mean(all_but_first, /*keepdim=*/true);
  colours = mean + (colours - mean) * uniform(1, 0.6, 1.4);
  const at::Tensor grey = colours.mean(1, /*keepdim=*/true);
  colours = grey + (colours - grey) * uniform(1, 0.4, 1.6);
  colours = (colours * uniform(images.size(1), 0.8, 1.2)).clamp(0, 1).pow(uniform(1, 0.7, 1.4));
  return colours * 2 - 1;
}

at::Tensor StrongColours(const at::Tensor& images, at::Generator random) {
  const int64_t count = images.size(0), channels = images.size(1);
  const auto uniform = [&](at::IntArrayRef shape, double low, double high) {
    return Uniform(shape, low, high, random, images.device());
  };
  const at::Tensor exponent = uniform(Beside(images, channels), std::log(0.6), std::log(1.7)).exp();
  const at::Tensor mixing = at::eye(channels, images.options()).unsqueeze(0) +
                            uniform({count, channels, channels}, -0.25, 0.25);
  const at::Tensor gain = uniform({count, 1, 1}, std::log(0.6), std::log(1.6)).exp();
  const at::Tensor offset = uniform({count, channels, 1}, -0.25, 0.25);
  const at::Tensor bright = (images * 0.5 + 0.5).clamp(1e-3, 1).pow(exponent) * 2 - 1;
  return at::baddbmm(offset, mixing * gain, bright.flatten(2)).clamp(-1, 1).view(images.sizes());
}

ImagesAndClasses Cropped(const ImagesAndClasses& batch, at::Generator random) {
  const at::Tensor side = CropSides(batch.images.size(0), random);
  return Windows(batch, side, kBorder, random);
}

ImagesAndClasses Scaled(const ImagesAndClasses& batch, at::Generator random) {
  const int64_t count = batch.images.size(0);
  const at::Tensor near = CropSides(count, random);
  const at::Tensor far = (-std::log(kLeastScale) * at::rand({count, 1}, random)).exp();
  const at::Tensor side = at::where(at::rand({count, 1}, random).lt(0.5), near, far);
  return Windows(batch, side, kReflection, random);
}

}  // namespace alignflow
