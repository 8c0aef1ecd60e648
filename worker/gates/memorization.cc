#include "worker/gates/memorization.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <stdexcept>
#include <utility>

namespace alignflow {
namespace {

constexpr int64_t kSide = 16;
constexpr int64_t kMostQueries = 1000;                // images whose nearest others make the units
constexpr int64_t kMostDistances = int64_t{4} << 20;  // at a time
constexpr double kTies = 4 / 255.0;                   // two grey levels
// Least units: sets of nothing but copies of one image have no distances to measure by.
constexpr double kLeastPixelUnit = 0.02;
constexpr double kLeastUnit = 1e-3;
constexpr double kCopy = 1e-4;  // a distance at most this is a copy's

at::Tensor ToFloat(const at::Tensor& bytes) { return bytes.to(at::kFloat).div_(127.5).sub_(1); }

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

// In units of the source's.
at::Tensor Distances(const ImageDescriptors& from, const ImageDescriptors& to,
                     const MemorizationUnits& units) {
  const at::Tensor features = at::cdist(from.features, to.features, 2, 2) / units.feature;
  return PixelDistances(from.pictures, to.pictures) / units.pixel * features.clamp_max(1).sqrt();
}

// The median over the queries, rows of a set, of the distance to the nearest other row that is no
// copy: with every image there twice the unit would be 0, and nothing would be near. 0 if all are
// copies of one. `distances` takes the queries' descriptors to [Q,N].
double MedianNearest(const ImageDescriptors& set, const at::Tensor& queries,
                     const std::function<void()>& between,
                     const std::function<at::Tensor(const ImageDescriptors&)>& distances) {
  const int64_t together = std::max<int64_t>(1, kMostDistances / set.pictures.size(0));
  std::vector<at::Tensor> nearest;
  for (const at::Tensor& rows : queries.split(together)) {
    between();
    at::Tensor all =
        distances({set.pictures.index_select(0, rows), set.features.index_select(0, rows)});
    // No image is its own neighbour.
    constexpr float kNone = std::numeric_limits<float>::infinity();
    all.scatter_(1, rows.unsqueeze(1), kNone).masked_fill_(all.le(kCopy), kNone);
    const at::Tensor least = std::get<0>(all.min(1));
    nearest.push_back(least.masked_select(least.isfinite()));
  }
  const at::Tensor known = at::cat(nearest);
  return known.size(0) == 0 ? 0 : known.median().item<double>();
}

}  // namespace

at::Tensor RankPictures(const at::Tensor& images) {
  if (images.dim() != 4 || images.size(2) < kSide || images.size(3) < kSide) {
    throw std::invalid_argument("memorization looks at images of at least 16x16 pixels");
  }
  const at::Tensor luma =
      at::_adaptive_avg_pool2d(images.mean(1, /*keepdim=*/true), {kSide, kSide}).flatten(1);
  // Those that are equal to kTies share their mean rank, or noise in a black frame would weigh as
  // much as the picture.
  const at::Tensor levels = (luma / kTies).round().contiguous();
  const at::Tensor sorted = std::get<0>(levels.sort(1)).contiguous();
  const at::Tensor below = at::searchsorted(sorted, levels);
  const at::Tensor up_to = at::searchsorted(sorted, levels, /*out_int32=*/false, /*right=*/true);
  const at::Tensor rank = (below + up_to - 1).to(at::kFloat) / 2;
  return (rank / (kSide * kSide - 1) - 0.5) * std::sqrt(12.0);
}

MemorizationUnits MeasureUnits(const ImageDescriptors& source,
                               const std::function<void()>& between) {
  const int64_t count = source.pictures.size(0);
  if (count < 2) {
    throw std::invalid_argument("memorization is measured by the distances of at least 2 images");
  }
  const int64_t taken = std::min(count, kMostQueries);
  const at::Tensor queries = at::arange(taken, at::kLong).mul(count).div(taken, "floor");
  MemorizationUnits units;
  units.pixel = std::max(kLeastPixelUnit,
                         MedianNearest(source, queries, between, [&](const ImageDescriptors& from) {
                           return PixelDistances(from.pictures, source.pictures);
                         }));
  units.feature = std::max(
      kLeastUnit, MedianNearest(source, queries, between, [&](const ImageDescriptors& from) {
        return at::cdist(from.features, source.features, 2, 2);
      }));
  units.distance = std::max(
      kLeastUnit, MedianNearest(source, queries, between, [&](const ImageDescriptors& from) {
        return Distances(from, source, units);
      }));
  return units;
}

MemorizationIndex::MemorizationIndex(std::shared_ptr<const FeatureExtractor> extractor,
                                     at::Device device, ImageDescriptors source,
                                     const MemorizationUnits& units)
    : extractor_(std::move(extractor)), device_(device), units_(units) {
  sets_.push_back(std::move(source));
}

void MemorizationIndex::Add(const at::Tensor& images) { sets_.push_back(Describe(images)); }

std::vector<NearestImage> MemorizationIndex::Nearest(const at::Tensor& images, int64_t set) const {
  const auto [distance, item] = Distances(Describe(images), sets_.at(set), units_).min(1);
  std::vector<NearestImage> nearest;
  for (int64_t i = 0; i < images.size(0); ++i) {
    nearest.push_back({item[i].item<int64_t>(), distance[i].item<double>() / units_.distance});
  }
  return nearest;
}

ImageDescriptors MemorizationIndex::Describe(const at::Tensor& images) const {
  if (images.dim() != 4 || images.size(0) < 1) {
    throw std::invalid_argument("memorization looks at images [N,3,S,S] with N of at least 1");
  }
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> pictures, features;
  // One by one: references may be large.
  for (int64_t i = 0; i < images.size(0); ++i) {
    const at::Tensor image = ToFloat(images.narrow(0, i, 1));
    pictures.push_back(RankPictures(image));
    features.push_back(extractor_->Features(image.to(device_)).to(at::kFloat).cpu());
  }
  return {at::cat(pictures), at::cat(features)};
}

}  // namespace alignflow
