#include "worker/volumes/volume_window.h"

#include <algorithm>
#include <cmath>

#include "worker/data/image_import.h"

namespace alignflow {
namespace {

constexpr size_t kMostSamples = 1'000'000;

std::vector<float> Samples(const std::vector<float>& voxels) {
  const size_t count = std::min(voxels.size(), kMostSamples);
  std::vector<float> samples(count);
  for (size_t i = 0; i < count; ++i) samples[i] = voxels[i * voxels.size() / count];
  return samples;
}

float Quantile(std::vector<float>& values, double share) {
  const auto at = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::ranges::nth_element(values, values.begin() + at);
  return values[at];
}

}  // namespace

uint8_t ValueRange::ByteOf(float value) const {
  return static_cast<uint8_t>(std::lrint(255 * std::clamp((value - low) / (high - low), 0.0, 1.0)));
}

ValueRange RangeOf(const GreyWindow& window) {
  return {window.centre - window.width / 2, window.centre + window.width / 2};
}

ValueRange OwnRange(const std::vector<float>& voxels) {
  std::vector<float> samples = Samples(voxels);
  const double low = Quantile(samples, kDarkestShare), high = Quantile(samples, kBrightestShare);
  return {low, high > low ? high : low + 1};
}

bool LooksLikeHounsfield(const std::vector<float>& voxels) {
  const auto [least, most] = std::ranges::minmax_element(voxels);
  return *least <= -900 && *least >= -4096 && *most >= 100 && *most <= 32767;
}

}  // namespace alignflow
