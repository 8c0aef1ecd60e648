#include "worker/alignment/filter_bank.h"

#include <algorithm>
#include <stdexcept>

namespace alignflow {
namespace {

constexpr int64_t kGrid = 4;           // cells a side of the colour layout
constexpr int64_t kProfile = 8;        // cells of the luma's row and column profiles
constexpr int64_t kBins = 6;           // soft histogram bins per colour
constexpr int64_t kLevels = 3;         // of the Laplacian pyramid
constexpr int64_t kFitBatch = 64;      // images at a time while fitting
constexpr double kBandFloor = 2e-5;    // of a band's energy, about half a grey level of 8 bits
constexpr double kEnergyFloor = 1e-4;  // of other energies

// RGB [B,3,H,W] to luma, red-green, yellow-blue.
at::Tensor Opponent(const at::Tensor& image) {
  const auto r = image.select(1, 0), g = image.select(1, 1), b = image.select(1, 2);
  return at::stack({(r + g + b) / 3, (r - g) / 2, (r + g - 2 * b) / 4}, 1);
}

at::Tensor Layout(const at::Tensor& colours, int64_t rows, int64_t columns) {
  return at::adaptive_avg_pool2d(colours, {rows, columns}).flatten(1);
}

// Log variances and correlations of the colours.
void AppendMoments(const at::Tensor& colours, std::vector<at::Tensor>& features) {
  const at::Tensor centred = colours - colours.mean({2, 3}, /*keepdim=*/true);
  const at::Tensor variance = centred.square().mean({2, 3});
  features.push_back((variance + kEnergyFloor).log());
  for (const auto& [i, j] : {std::pair{0, 1}, {0, 2}, {1, 2}}) {
    const at::Tensor covariance = (centred.select(1, i) * centred.select(1, j)).mean({1, 2});
    const at::Tensor scale = (variance.select(1, i) + 1e-3) * (variance.select(1, j) + 1e-3);
    features.push_back((covariance / scale.sqrt()).unsqueeze(1));
  }
}

// How much of each colour lies near each of the bins' centres.
void AppendHistograms(const at::Tensor& colours, std::vector<at::Tensor>& features) {
  constexpr std::pair<double, double> kRanges[] = {{-0.9, 0.9}, {-0.1, 0.5}, {-0.1, 0.5}};
  for (int64_t channel = 0; channel < 3; ++channel) {
    const auto [low, high] = kRanges[channel];
    const at::Tensor values = colours.select(1, channel).flatten(1);
    for (int64_t bin = 0; bin < kBins; ++bin) {
      const double width = (high - low) / (kBins - 1);
      const at::Tensor distance = (values - (low + bin * width)) / width;
      features.push_back((-0.5 * distance.square()).exp().mean(1, /*keepdim=*/true));
    }
  }
}

// Log energy of a band, once by its mean square (led by strong edges) and once by its mean
// magnitude (led by what is everywhere, such as grain).
void AppendBand(const at::Tensor& band, std::vector<at::Tensor>& features) {
  const at::Tensor energy = band.square();
  features.push_back((energy.mean({2, 3}) + kBandFloor).log());
  features.push_back(2 * (energy + kBandFloor).sqrt().mean({2, 3}).log());
}

// The diagonal detail of Haar's wavelet: the finest that there is, where grain and seams show.
at::Tensor HaarDiagonal(const at::Tensor& x) {
  const at::Tensor rows = x.slice(2, 0, at::nullopt, 2) - x.slice(2, 1, at::nullopt, 2);
  return (rows.slice(3, 0, at::nullopt, 2) - rows.slice(3, 1, at::nullopt, 2)) / 2;
}

// Log energies of the luma's gradient in four directions.
void AppendDirections(const at::Tensor& colours, std::vector<at::Tensor>& features) {
  const at::Tensor luma = colours.select(1, 0);
  const at::Tensor inner_rows = luma.slice(1, 1, -1), inner_columns = luma.slice(2, 1, -1);
  const at::Tensor dx = inner_rows.slice(2, 2) - inner_rows.slice(2, 0, -2);
  const at::Tensor dy = inner_columns.slice(1, 2) - inner_columns.slice(1, 0, -2);
  for (const at::Tensor& d : {dx, dy, (dx + dy) * M_SQRT1_2, (dx - dy) * M_SQRT1_2}) {
    features.push_back((d.square().mean({1, 2}) + kEnergyFloor).log().unsqueeze(1));
  }
}

}  // namespace

at::Tensor RawFilterBank(const at::Tensor& image) {
  if (image.dim() != 4 || image.size(1) != 3 || image.size(2) % 8 != 0 || image.size(3) % 8 != 0 ||
      std::min(image.size(2), image.size(3)) < 16) {
    throw std::invalid_argument(
        "the filter bank takes RGB images whose sides are multiples of 8, from 16");
  }
  at::Tensor colours = Opponent(image);
  std::vector<at::Tensor> features{Layout(colours, kGrid, kGrid)};
  const at::Tensor luma = colours.slice(1, 0, 1);
  features.push_back(Layout(luma, kProfile, 1));
  features.push_back(Layout(luma, 1, kProfile));
  AppendMoments(colours, features);
  AppendHistograms(colours, features);
  AppendBand(HaarDiagonal(colours), features);
  for (int64_t level = 0; level < kLevels; ++level) {
    const at::Tensor coarse = at::avg_pool2d(colours, 2);
    AppendBand(colours - at::upsample_bilinear2d(coarse, colours.sizes().slice(2),
                                                 /*align_corners=*/false),
               features);
    AppendDirections(colours, features);
    colours = coarse;
  }
  return at::cat(features, 1);
}

FilterBank::FilterBank() {
  const int64_t width = RawFilterBank(at::zeros({1, 3, 16, 16})).size(1);
  mean_ = at::zeros({width});
  deviation_ = at::ones({width});
}

void FilterBank::Fit(const at::Tensor& images) {
  if (images.size(0) < 2) throw std::invalid_argument("fitting features needs at least 2 images");
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> features;
  for (const at::Tensor& part : images.split(kFitBatch)) features.push_back(RawFilterBank(part));
  const at::Tensor all = at::cat(features);
  mean_ = all.mean(0);
  deviation_ = all.std(0).clamp_min(1e-3);
}

at::Tensor FilterBank::Features(const at::Tensor& image) const {
  const at::Tensor z = (RawFilterBank(image) - mean_) / deviation_;
  const at::Tensor norm2 = z.square().sum(1, /*keepdim=*/true);
  return z * (1 + norm2 / (4.0 * static_cast<double>(width()))).rsqrt();
}

}  // namespace alignflow
