#include "worker/metrics/image_quality.h"

#include <algorithm>
#include <stdexcept>
#include <vector>

namespace alignflow {
namespace {

constexpr int64_t kQualityPixels = int64_t{1} << 20;
constexpr int64_t kWindow = 11;
constexpr double kDeviation = 1.5;
constexpr double kMostDecibel = 100;

// Gaussian means of x [M,1,H,W] wherever the window fits.
at::Tensor Smooth(const at::Tensor& x) {
  const at::Tensor offset = at::arange(kWindow, x.options()) - kWindow / 2;
  at::Tensor weight = (offset.square() / (-2 * kDeviation * kDeviation)).exp();
  weight = weight / weight.sum();
  return at::conv2d(at::conv2d(x, weight.view({1, 1, -1, 1})), weight.view({1, 1, 1, -1}));
}

at::Tensor SimilarityOfBatch(const at::Tensor& a, const at::Tensor& b) {
  const std::vector<int64_t> planes{-1, 1, a.size(2), a.size(3)};
  const at::Tensor x = a.to(at::kDouble).reshape(planes), y = b.to(at::kDouble).reshape(planes);
  const at::Tensor mean_x = Smooth(x), mean_y = Smooth(y);
  const at::Tensor spread = Smooth(x * x) + Smooth(y * y) - mean_x.square() - mean_y.square();
  const at::Tensor together = Smooth(x * y) - mean_x * mean_y;
  const double c1 = std::pow(0.01 * 255, 2), c2 = std::pow(0.03 * 255, 2);
  const at::Tensor similarity = ((2 * mean_x * mean_y + c1) * (2 * together + c2)) /
                                ((mean_x.square() + mean_y.square() + c1) * (spread + c2));
  return similarity.view({a.size(0), -1}).mean(1);
}

}  // namespace

at::Tensor StructuralSimilarity(const at::Tensor& a, const at::Tensor& b) {
  if (a.size(2) < kWindow || a.size(3) < kWindow) {
    throw std::invalid_argument("structural similarity needs sides of at least 11 pixels");
  }
  std::vector<at::Tensor> parts;
  // Some 300 bytes a pixel: one image at a time where they are large.
  const int64_t together = std::clamp<int64_t>(kQualityPixels / (a.size(2) * a.size(3)), 1, 16);
  for (int64_t i = 0; i < a.size(0); i += together) {
    parts.push_back(SimilarityOfBatch(a.slice(0, i, i + together), b.slice(0, i, i + together)));
  }
  return at::cat(parts);
}

at::Tensor PeakSignalToNoise(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor error =
      (a.to(at::kDouble) - b.to(at::kDouble)).square().mean(at::IntArrayRef{1, 2, 3});
  return (10 * (255.0 * 255.0 / error).log10()).clamp_max(kMostDecibel);
}

}  // namespace alignflow
