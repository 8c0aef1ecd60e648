#include "worker/alignment/filter_bank.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "worker/framing/field_of_view.h"

namespace alignflow {
namespace {

constexpr int64_t kBins = 6;           // soft histogram bins per colour
constexpr int64_t kTones = 5;          // from shadows to highlights
constexpr int64_t kLevels = 4;         // of the Laplacian pyramid
constexpr double kBandFloor = 2e-5;    // of a band's energy, about half a grey level of 8 bits
constexpr double kEnergyFloor = 1e-4;  // of other energies

// RGB [B,3,H,W] to luma, red-green, yellow-blue.
at::Tensor Opponent(const at::Tensor& image) {
  const auto r = image.select(1, 0), g = image.select(1, 1), b = image.select(1, 2);
  return at::stack({(r + g + b) / 3, (r - g) / 2, (r + g - 2 * b) / 4}, 1);
}

// Means, log variances and correlations of the colours.
void AppendMoments(const at::Tensor& colours, const at::Tensor& weight,
                   std::vector<at::Tensor>& features) {
  const at::Tensor mean = MeanInView(colours, weight);
  const at::Tensor centred = colours - mean.unsqueeze(2).unsqueeze(3);
  const at::Tensor variance = MeanInView(centred.square(), weight);
  features.push_back(mean);
  features.push_back((variance + kEnergyFloor).log());
  for (const auto& [i, j] : {std::pair{0, 1}, {0, 2}, {1, 2}}) {
    const at::Tensor covariance =
        MeanInView(centred.slice(1, i, i + 1) * centred.slice(1, j, j + 1), weight);
    const at::Tensor scale =
        (variance.slice(1, i, i + 1) + 1e-3) * (variance.slice(1, j, j + 1) + 1e-3);
    features.push_back(covariance / scale.sqrt());
  }
}

// [1,count,1,1]: count values from low to high.
at::Tensor Centres(double low, double high, int64_t count, const at::Tensor& like) {
  return at::linspace(low, high, count, like.options()).view({1, count, 1, 1});
}

// How much of each colour lies near each of the bins' centres.
void AppendHistograms(const at::Tensor& colours, const at::Tensor& weight,
                      std::vector<at::Tensor>& features) {
  constexpr std::pair<double, double> kRanges[] = {{-0.7, 0.9}, {-0.1, 0.5}, {-0.1, 0.4}};
  for (int64_t channel = 0; channel < 3; ++channel) {
    const auto [low, high] = kRanges[channel];
    const double width = (high - low) / (kBins - 1);
    const at::Tensor distance =
        (colours.slice(1, channel, channel + 1) - Centres(low, high, kBins, colours)) / width;
    features.push_back(MeanInView((-0.5 * distance.square()).exp(), weight));
  }
}

// The colour of shadows, middle tones and highlights.
void AppendTones(const at::Tensor& colours, const at::Tensor& weight,
                 std::vector<at::Tensor>& features) {
  const at::Tensor distance = (colours.slice(1, 0, 1) - Centres(-0.6, 0.8, kTones, colours)) / 0.35;
  const at::Tensor tone = (-0.5 * distance.square()).exp() * weight;
  const double floor = 1e-2 * static_cast<double>(weight.size(2) * weight.size(3));
  for (const int64_t channel : {1, 2}) {
    features.push_back((tone * colours.slice(1, channel, channel + 1)).sum({2, 3}) /
                       (tone.sum({2, 3}) + floor));
  }
}

// Log energy of a band by its mean square, which strong edges lead.
void AppendEdges(const at::Tensor& band, const at::Tensor& weight,
                 std::vector<at::Tensor>& features) {
  features.push_back((MeanInView(band.square(), weight) + kBandFloor).log());
}

// The same by its mean magnitude, led by what is everywhere, such as grain.
void AppendGrain(const at::Tensor& band, const at::Tensor& weight,
                 std::vector<at::Tensor>& features) {
  features.push_back(2 * MeanInView((band.square() + kBandFloor).sqrt(), weight).log());
}

// The diagonal detail of Haar's wavelet: the finest that there is, where grain and seams show.
at::Tensor HaarDiagonal(const at::Tensor& x) {
  const at::Tensor rows = x.slice(2, 0, at::nullopt, 2) - x.slice(2, 1, at::nullopt, 2);
  return (rows.slice(3, 0, at::nullopt, 2) - rows.slice(3, 1, at::nullopt, 2)) / 2;
}

// Log energy of what repeats every `period` pixels, as the seams of a codec's blocks do and anatomy
// does not.
void AppendRepetition(const at::Tensor& band, int64_t period, std::vector<at::Tensor>& features) {
  const at::Tensor tile =
      band.unfold(2, period, period).unfold(3, period, period).mean({2, 3}).flatten(2);
  features.push_back((tile.square().mean(2) + 1e-6).log());
}

// Log energies of the luma's gradient in four directions.
void AppendDirections(const at::Tensor& colours, const at::Tensor& weight,
                      std::vector<at::Tensor>& features) {
  const at::Tensor luma = colours.slice(1, 0, 1);
  const at::Tensor inner_rows = luma.slice(2, 1, -1), inner_columns = luma.slice(3, 1, -1);
  const at::Tensor dx = inner_rows.slice(3, 2) - inner_rows.slice(3, 0, -2);
  const at::Tensor dy = inner_columns.slice(2, 2) - inner_columns.slice(2, 0, -2);
  const at::Tensor inner = weight.slice(2, 1, -1).slice(3, 1, -1);
  for (const at::Tensor& d : {dx, dy, (dx + dy) * M_SQRT1_2, (dx - dy) * M_SQRT1_2}) {
    features.push_back((MeanInView(d.square(), inner) + kEnergyFloor).log());
  }
}

}  // namespace

at::Tensor RawFilterBank(const at::Tensor& image) {
  if (image.dim() != 4 || image.size(1) != 3 || image.size(2) % 16 != 0 ||
      image.size(3) % 16 != 0 || std::min(image.size(2), image.size(3)) < 32) {
    throw std::invalid_argument(
        "the filter bank takes RGB images whose sides are multiples of 16, from 32");
  }
  at::Tensor colours = Opponent(image);
  at::Tensor weight = FieldOfView(image);
  std::vector<at::Tensor> features{weight.mean({2, 3})};
  AppendMoments(colours, weight, features);
  AppendHistograms(colours, weight, features);
  AppendTones(colours, weight, features);
  const at::Tensor finest = HaarDiagonal(colours), halved = at::avg_pool2d(weight, 2);
  AppendEdges(finest, halved, features);
  AppendGrain(finest, halved, features);
  for (int64_t level = 0; level < kLevels; ++level) {
    const at::Tensor coarse = at::avg_pool2d(colours, 2);
    const at::Tensor band = colours - at::upsample_bilinear2d(coarse, colours.sizes().slice(2),
                                                              /*align_corners=*/false);
    AppendEdges(band, weight, features);
    if (level == 0) {
      AppendRepetition(band, 4, features);
      AppendRepetition(band, 8, features);
    }
    if (level + 1 < kLevels) {
      AppendGrain(band, weight, features);
      AppendDirections(colours, weight, features);
    }
    colours = coarse;
    weight = at::avg_pool2d(weight, 2);
  }
  return at::cat(features, 1);
}

FilterBank::FilterBank() : standardisation_(RawFilterBank(at::zeros({1, 3, 32, 32})).size(1)) {}

FilterBank::FilterBank(at::Tensor mean, at::Tensor deviation)
    : standardisation_(std::move(mean), std::move(deviation)) {
  const int64_t own = FilterBank().width();
  if (width() != own) {
    throw std::invalid_argument("the filter bank has " + std::to_string(own) + " features");
  }
}

at::Tensor FilterBank::Features(const at::Tensor& image) const {
  return Standardised(RawFilterBank(image));
}

}  // namespace alignflow
