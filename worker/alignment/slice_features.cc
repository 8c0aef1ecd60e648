#include "worker/alignment/slice_features.h"

#include <iterator>
#include <stdexcept>

namespace alignflow {
namespace {

constexpr int64_t kPlaces[] = {3, 4, 5};  // eighths of a side

}  // namespace

at::Tensor SlicesSideBySide(const at::Tensor& volumes, const std::array<int64_t, 3>& through) {
  return at::cat(
      {volumes.select(-3, through[0]).flip({-2, -1}), volumes.select(-2, through[1]).flip({-2, -1}),
       volumes.select(-1, through[2]).flip({-2, -1})},
      -1);
}

at::Tensor SliceFeatures::Features(const at::Tensor& volumes) const {
  if (volumes.dim() != 5 || volumes.size(1) != 1) {
    throw std::invalid_argument("features of slices are of volumes [B,1,S,S,S]");
  }
  at::Tensor sum;
  for (const int64_t eighths : kPlaces) {
    const auto at = [&](int64_t axis) { return volumes.size(axis) * eighths / 8; };
    const at::Tensor slices = SlicesSideBySide(volumes, {at(2), at(3), at(4)});
    const at::Tensor features = of_pictures_->Features(slices.expand({-1, 3, -1, -1}));
    sum = sum.defined() ? sum + features : features;
  }
  return sum / static_cast<double>(std::size(kPlaces));
}

}  // namespace alignflow
