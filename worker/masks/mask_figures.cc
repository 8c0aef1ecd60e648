#include "worker/masks/mask_figures.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "worker/masks/mask_regions.h"

namespace alignflow {
namespace {

struct Shapes {
  std::vector<double> areas, xs, ys, parts;
};

Shapes ShapesOf(const at::Tensor& masks, int label) {
  Shapes shapes;
  const at::Tensor plain = masks.contiguous();
  const int side = static_cast<int>(plain.size(1));
  for (int64_t i = 0; i < plain.size(0); ++i) {
    const cv::Mat mask(side, side, CV_8UC1, plain[i].data_ptr<uint8_t>());
    double area = 0, x = 0, y = 0;
    const std::vector<RegionPart> parts = PartsOf(SolidRegion(mask, label, {}));
    for (const RegionPart& part : parts) {
      area += part.area;
      x += part.area * part.x;
      y += part.area * part.y;
    }
    shapes.areas.push_back(100 * area / (side * side));
    shapes.parts.push_back(static_cast<double>(parts.size()));
    if (area == 0) continue;
    shapes.xs.push_back(100 * x / area / side);
    shapes.ys.push_back(100 * y / area / side);
  }
  return shapes;
}

double DistanceOf(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.empty() || b.empty()) return std::numeric_limits<double>::quiet_NaN();
  return Wasserstein1(a, b);
}

}  // namespace

double Wasserstein1(std::vector<double> a, std::vector<double> b) {
  if (a.empty() || b.empty()) throw std::invalid_argument("a distribution needs a value");
  std::ranges::sort(a);
  std::ranges::sort(b);
  std::vector<double> all = a;
  all.insert(all.end(), b.begin(), b.end());
  std::ranges::sort(all);
  const auto below = [](const std::vector<double>& values, double x) {
    return static_cast<double>(std::ranges::upper_bound(values, x) - values.begin()) /
           static_cast<double>(values.size());
  };
  double distance = 0;
  for (size_t i = 0; i + 1 < all.size(); ++i) {
    distance += (all[i + 1] - all[i]) * std::abs(below(a, all[i]) - below(b, all[i]));
  }
  return distance;
}

std::vector<MaskDistances> CompareMasks(const at::Tensor& masks, const at::Tensor& real,
                                        int count) {
  std::vector<MaskDistances> distances;
  for (int label = 1; label < count; ++label) {
    const Shapes a = ShapesOf(masks, label), b = ShapesOf(real, label);
    distances.push_back({.label = label,
                         .area = DistanceOf(a.areas, b.areas),
                         .centre_x = DistanceOf(a.xs, b.xs),
                         .centre_y = DistanceOf(a.ys, b.ys),
                         .parts = DistanceOf(a.parts, b.parts),
                         .mean_area = std::accumulate(a.areas.begin(), a.areas.end(), 0.0) /
                                      static_cast<double>(a.areas.size())});
  }
  return distances;
}

}  // namespace alignflow
