#include "worker/transfer/colour_transfer.h"

#include <cmath>
#include <stdexcept>
#include <vector>

#include "worker/framing/field_of_view.h"

namespace alignflow {
namespace {

// IEC 61966-2-1, and the D65 white point of its primaries.
const double kXyzOfRgb[3][3] = {{0.4124564, 0.3575761, 0.1804375},
                                {0.2126729, 0.7151522, 0.0721750},
                                {0.0193339, 0.1191920, 0.9503041}};
const double kWhite[3] = {0.95047, 1.0, 1.08883};
constexpr double kDelta = 6.0 / 29;  // where CIELAB's cube root becomes a line

at::Tensor Matrix(const at::TensorOptions& options) {
  at::Tensor matrix = at::empty({3, 3}, at::kDouble);
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) matrix[i][j] = kXyzOfRgb[i][j] / kWhite[i];
  }
  return matrix.to(options);
}

at::Tensor MixChannels(const at::Tensor& matrix, const at::Tensor& images) {
  return at::einsum("ij,bjhw->bihw", {matrix, images});
}

// Grey values as they are, and colours in CIELAB.
at::Tensor ColoursOf(const at::Tensor& images) {
  return images.size(1) == 1 ? images : LabOfRgb(images);
}
at::Tensor ImagesOf(const at::Tensor& colours) {
  return colours.size(1) == 1 ? colours.clamp(-1, 1) : RgbOfLab(colours);
}

// All of [B,C,...] but the channels.
std::vector<int64_t> AllButChannels(const at::Tensor& images) {
  std::vector<int64_t> dims{0};
  for (int64_t dim = 2; dim < images.dim(); ++dim) dims.push_back(dim);
  return dims;
}

// Values [C] beside images [B,C,...].
at::Tensor Beside(const at::Tensor& values, const at::Tensor& images) {
  std::vector<int64_t> shape(images.dim(), 1);
  shape[1] = values.size(0);
  return values.view(shape);
}

at::Tensor View(const at::Tensor& images) { return FieldOfView(images).gt(0.5).expand_as(images); }

// How much of its new colour each pixel of an image takes, [1,1,...] in [0,1]: none at the least
// level in view, all of it at twice that brightness, or, in dark images, halfway from the least
// level to the mean in view.
at::Tensor ShareOfTransfer(const at::Tensor& image, const at::Tensor& view) {
  const at::Tensor level = NeighbourhoodLevel(image);
  const at::Tensor inside = view.narrow(1, 0, 1).to(level.scalar_type());
  const at::Tensor mean = (level * inside).sum() / inside.sum().clamp_min(1);
  const double twice = kLeastLevelInView + 1;  // black is -1
  const at::Tensor ramp = ((mean - kLeastLevelInView) / 2).clamp(0.05, twice);
  const at::Tensor share = ((level - kLeastLevelInView) / ramp).clamp(0, 1);
  return share * share * (3 - 2 * share);
}

// Weighted mean and deviation of each channel over all pixels; weights: bool like `colours`.
ColourMoments Moments(const at::Tensor& colours, const at::Tensor& weights) {
  const std::vector<int64_t> dims = AllButChannels(colours);
  const at::Tensor inside = weights.to(colours.scalar_type());
  const at::Tensor count = inside.sum(dims).clamp_min(1);
  const at::Tensor mean = (colours * inside).sum(dims) / count;
  const at::Tensor centred = (colours - Beside(mean, colours)) * inside;
  return {mean, (centred.square().sum(dims) / count).sqrt()};
}

}  // namespace

at::Tensor LabOfRgb(const at::Tensor& images) {
  const at::Tensor srgb = ((images + 1) / 2).clamp(0, 1);
  const at::Tensor linear =
      at::where(srgb.le(0.04045), srgb / 12.92, ((srgb + 0.055) / 1.055).pow(2.4));
  const at::Tensor xyz = MixChannels(Matrix(images.options()), linear);
  const at::Tensor f =
      at::where(xyz.gt(kDelta * kDelta * kDelta), xyz.clamp_min(1e-12).pow(1.0 / 3),
                xyz / (3 * kDelta * kDelta) + 4.0 / 29);
  const at::Tensor x = f.select(1, 0), y = f.select(1, 1), z = f.select(1, 2);
  return at::stack({116 * y - 16, 500 * (x - y), 200 * (y - z)}, 1);
}

at::Tensor RgbOfLab(const at::Tensor& lab) {
  const at::Tensor y = (lab.select(1, 0) + 16) / 116;
  const at::Tensor f = at::stack({y + lab.select(1, 1) / 500, y, y - lab.select(1, 2) / 200}, 1);
  const at::Tensor xyz = at::where(f.gt(kDelta), f.pow(3), 3 * kDelta * kDelta * (f - 4.0 / 29));
  const at::Tensor linear = MixChannels(at::linalg_inv(Matrix(lab.options())), xyz).clamp(0, 1);
  const at::Tensor srgb = at::where(linear.le(0.0031308), linear * 12.92,
                                    1.055 * linear.clamp_min(1e-12).pow(1 / 2.4) - 0.055);
  return srgb.clamp(0, 1) * 2 - 1;
}

ColourMoments MomentsInView(const at::Tensor& images) {
  at::Tensor view = View(images);
  if (!view.any().item<bool>()) view = at::ones_like(view);
  return Moments(ColoursOf(images), view);
}

at::Tensor TransferReinhard(const at::Tensor& images, const ColourMoments& references) {
  at::Tensor result = images.clone();
  for (int64_t i = 0; i < images.size(0); ++i) {
    const at::Tensor image = images.narrow(0, i, 1);
    const at::Tensor view = View(image);
    const at::Tensor colours = ColoursOf(image);
    const ColourMoments own = Moments(colours, view);
    const at::Tensor gain = references.deviation / own.deviation.clamp_min(1e-3);
    const at::Tensor moved = (colours - Beside(own.mean, colours)) * Beside(gain, colours) +
                             Beside(references.mean, colours);
    result.narrow(0, i, 1).copy_(at::lerp(image, ImagesOf(moved), ShareOfTransfer(image, view)));
  }
  return result;
}

at::Tensor TransferFourier(const at::Tensor& images, const at::Tensor& styles, double beta) {
  if (images.sizes() != styles.sizes()) {
    throw std::invalid_argument("Fourier transfer: images and styles differ in shape");
  }
  std::vector<int64_t> dims;
  at::Tensor below = at::ones(images.sizes().slice(2), at::kBool);
  for (int64_t dim = 2; dim < images.dim(); ++dim) {
    dims.push_back(dim);
    const int64_t size = images.size(dim);
    std::vector<int64_t> shape(images.dim() - 2, 1);
    shape[dim - 2] = size;
    const at::Tensor low = at::fft_fftfreq(size)
                               .abs()
                               .mul(static_cast<double>(size))
                               .le(std::floor(beta * static_cast<double>(size)));
    below = at::logical_and(below, low.view(shape));
  }
  below = below.to(images.device());
  const at::Tensor spectrum = at::fft_fftn(images, at::nullopt, dims),
                   style = at::fft_fftn(styles, at::nullopt, dims);
  const at::Tensor amplitude = at::where(below, style.abs(), spectrum.abs());
  return at::real(at::fft_ifftn(at::polar(amplitude, spectrum.angle()), at::nullopt, dims))
      .clamp(-1, 1)
      .contiguous();
}

}  // namespace alignflow
