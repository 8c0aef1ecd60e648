#include "worker/transfer/colour_transfer.h"

#include <cmath>
#include <stdexcept>

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

at::Tensor View(const at::Tensor& images) { return FieldOfView(images).gt(0.5).expand_as(images); }

// Weighted mean and deviation of each channel over all pixels; weights: bool like `lab`.
ColourMoments Moments(const at::Tensor& lab, const at::Tensor& weights) {
  const at::Tensor inside = weights.to(lab.scalar_type());
  const at::Tensor count = inside.sum(at::IntArrayRef({0, 2, 3})).clamp_min(1);
  const at::Tensor mean = (lab * inside).sum(at::IntArrayRef({0, 2, 3})) / count;
  const at::Tensor centred = (lab - mean.view({1, 3, 1, 1})) * inside;
  return {mean, (centred.square().sum(at::IntArrayRef({0, 2, 3})) / count).sqrt()};
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
  return Moments(LabOfRgb(images), view);
}

at::Tensor TransferReinhard(const at::Tensor& images, const ColourMoments& references) {
  at::Tensor result = images.clone();
  for (int64_t i = 0; i < images.size(0); ++i) {
    const at::Tensor image = images.narrow(0, i, 1);
    const at::Tensor view = View(image);
    const at::Tensor lab = LabOfRgb(image);
    const ColourMoments own = Moments(lab, view);
    const at::Tensor gain = references.deviation / own.deviation.clamp_min(1e-3);
    const at::Tensor moved = (lab - own.mean.view({1, 3, 1, 1})) * gain.view({1, 3, 1, 1}) +
                             references.mean.view({1, 3, 1, 1});
    result.narrow(0, i, 1).copy_(at::where(view, RgbOfLab(moved), image));
  }
  return result;
}

at::Tensor TransferFourier(const at::Tensor& images, const at::Tensor& styles, double beta) {
  if (images.sizes() != styles.sizes()) {
    throw std::invalid_argument("Fourier transfer: images and styles differ in shape");
  }
  const int64_t height = images.size(2), width = images.size(3);
  const auto low = [&](int64_t size) {
    return at::fft_fftfreq(size)
        .abs()
        .mul(static_cast<double>(size))
        .le(std::floor(beta * static_cast<double>(size)));
  };
  const at::Tensor below =
      at::logical_and(low(height).view({height, 1}), low(width).view({1, width}))
          .to(images.device());
  const at::Tensor spectrum = at::fft_fft2(images), style = at::fft_fft2(styles);
  const at::Tensor amplitude = at::where(below, style.abs(), spectrum.abs());
  return at::real(at::fft_ifft2(at::polar(amplitude, spectrum.angle()))).clamp(-1, 1).contiguous();
}

}  // namespace alignflow
