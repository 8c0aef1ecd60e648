#include "worker/gates/memorization.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

namespace alignflow {
namespace {

constexpr int64_t kSide = 16;
constexpr int64_t kBatch = 32;
constexpr double kTies = 4 / 255.0;  // two grey levels
// Least units: sets of nothing but copies of one image have no distances to measure by.
constexpr double kLeastPixelUnit = 0.02;
constexpr double kLeastUnit = 1e-3;
constexpr double kCopy = 1e-4;  // a distance at most this is a copy's

at::Tensor ToFloat(const at::Tensor& bytes) { return bytes.to(at::kFloat).div_(127.5).sub_(1); }

// images: float [B,3,S,S] in [-1,1]. Returns [B,256]: the rank of each pixel's luma among its
// picture's, scaled to zero mean and unit variance where all differ. Those that are equal to
// kTies share their mean rank, or noise in a black frame would weigh as much as the picture.
at::Tensor RankPictures(const at::Tensor& images) {
  const at::Tensor luma =
      at::_adaptive_avg_pool2d(images.mean(1, /*keepdim=*/true), {kSide, kSide}).flatten(1);
  const at::Tensor levels = (luma / kTies).round().contiguous();
  const at::Tensor sorted = std::get<0>(levels.sort(1)).contiguous();
  const at::Tensor below = at::searchsorted(sorted, levels);
  const at::Tensor up_to = at::searchsorted(sorted, levels, /*out_int32=*/false, /*right=*/true);
  const at::Tensor rank = (below + up_to - 1).to(at::kFloat) / 2;
  return (rank / (kSide * kSide - 1) - 0.5) * std::sqrt(12.0);
}

// Root mean square differences, the least over the mirrorings of a: [A,B].
at::Tensor PixelDistances(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor pictures = a.view({a.size(0), kSide, kSide});
  at::Tensor least;
  for (const std::vector<int64_t>& sides :
       std::vector<std::vector<int64_t>>{{}, {-1}, {-2}, {-2, -1}}) {
    const at::Tensor mirrored = pictures.flip(sides).flatten(1);
    const at::Tensor distance = at::cdist(mirrored, b, 2, /*compute_mode=*/2);
    least = least.defined() ? at::minimum(least, distance) : distance;
  }
  return least / std::sqrt(static_cast<double>(b.size(1)));
}

// No image is its own neighbour, and neither is a copy of it: with every image there twice the unit
// would be 0, and nothing would be near.
at::Tensor WithoutCopies(at::Tensor distances) {
  distances.fill_diagonal_(0);
  return distances.masked_fill_(distances.le(kCopy), std::numeric_limits<float>::infinity());
}

// 0 if all are copies of one.
double MedianNearest(const at::Tensor& distances) {
  const at::Tensor nearest = std::get<0>(distances.min(1));
  const at::Tensor known = nearest.masked_select(nearest.isfinite());
  return known.size(0) == 0 ? 0 : known.median().item<double>();
}

}  // namespace

MemorizationIndex::MemorizationIndex(std::shared_ptr<const FeatureExtractor> extractor,
                                     at::Device device, const at::Tensor& source)
    : extractor_(std::move(extractor)), device_(device) {
  if (source.size(0) < 2) {
    throw std::invalid_argument("memorization is measured by the distances of at least 2 images");
  }
  Add(source);
  const Set& set = sets_.front();
  const at::Tensor pixels = WithoutCopies(PixelDistances(set.pictures, set.pictures));
  pixel_unit_ = std::max(kLeastPixelUnit, MedianNearest(pixels));
  feature_unit_ = std::max(
      kLeastUnit, MedianNearest(WithoutCopies(at::cdist(set.features, set.features, 2, 2))));
  unit_ = std::max(kLeastUnit, MedianNearest(WithoutCopies(Distances(set, set))));
}

void MemorizationIndex::Add(const at::Tensor& images) { sets_.push_back(Describe(images)); }

std::vector<NearestImage> MemorizationIndex::Nearest(const at::Tensor& images, int64_t set) const {
  const auto [distance, item] = Distances(Describe(images), sets_.at(set)).min(1);
  std::vector<NearestImage> nearest;
  for (int64_t i = 0; i < images.size(0); ++i) {
    nearest.push_back({item[i].item<int64_t>(), distance[i].item<double>() / unit_});
  }
  return nearest;
}

MemorizationIndex::Set MemorizationIndex::Describe(const at::Tensor& images) const {
  if (images.dim() != 4 || images.size(0) < 1 || images.size(2) < kSide || images.size(3) < kSide) {
    throw std::invalid_argument("memorization looks at images of at least 16x16 pixels");
  }
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> pictures, features;
  for (int64_t first = 0; first < images.size(0); first += kBatch) {
    const at::Tensor batch =
        ToFloat(images.narrow(0, first, std::min(kBatch, images.size(0) - first)));
    pictures.push_back(RankPictures(batch));
    features.push_back(extractor_->Features(batch.to(device_)).to(at::kFloat).cpu());
  }
  return {at::cat(pictures), at::cat(features)};
}

at::Tensor MemorizationIndex::Distances(const Set& from, const Set& to) const {
  const at::Tensor features = at::cdist(from.features, to.features, 2, 2) / feature_unit_;
  return PixelDistances(from.pictures, to.pictures) / pixel_unit_ * features.clamp_max(1).sqrt();
}

}  // namespace alignflow
