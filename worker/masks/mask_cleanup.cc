#include "worker/masks/mask_cleanup.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <opencv2/imgproc.hpp>
#include <stdexcept>

#include "worker/masks/mask_regions.h"

namespace alignflow {
namespace {

// What holds for this share of the real cases is a rule; the rest are slips of annotators.
constexpr double kRule = 0.98;
// Of the pixels around a class that must be of one other class, for that to be its parent.
constexpr double kEnclosed = 0.9;
// Of a class's area that smoothing must leave.
constexpr double kKept = 0.9;
// No part is smaller, in pixels of a mask of 64 x 64.
constexpr double kLeastPart = 6;

cv::Mat Mask(const at::Tensor& row) {
  return cv::Mat(static_cast<int>(row.size(0)), static_cast<int>(row.size(1)), CV_8UC1,
                 row.data_ptr<uint8_t>());
}

double Quantile(std::vector<double> values, double share) {
  std::ranges::sort(values);
  return values[static_cast<size_t>(share * static_cast<double>(values.size() - 1) + 0.5)];
}

// What one mask, of row i, says; masks are looked at side by side, and sums of whole numbers do not
// tell in which order.
template <typename Look>
auto LookAtEach(const at::Tensor& masks, const Look& look) {
  std::vector<decltype(look(cv::Mat()))> seen(masks.size(0));
  at::parallel_for(0, masks.size(0), 1, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      // A view of a mapped file, or a part of one: rows lie apart, pixels of a row do not.
      const at::Tensor row = masks[i].contiguous();
      seen[i] = look(Mask(row));
    }
  });
  return seen;
}

// The class that surrounds `label` in all masks; 0 if there is none.
int ParentOf(const at::Tensor& masks, int label, int count) {
  const auto seen = LookAtEach(masks, [&](const cv::Mat& mask) {
    const cv::Mat region = mask == label, ring = Dilated(region) & ~region;
    std::vector<int64_t> around(count);
    for (int other = 0; other < count; ++other) {
      around[other] = cv::countNonZero(ring & (mask == other));
    }
    return around;
  });
  std::vector<int64_t> around(count);
  for (const std::vector<int64_t>& one : seen) {
    for (int other = 0; other < count; ++other) around[other] += one[other];
  }
  const int64_t all = std::accumulate(around.begin(), around.end(), int64_t{0});
  const auto most = std::max_element(around.begin(), around.end());
  const bool enclosed =
      all > 0 && static_cast<double>(*most) > kEnclosed * static_cast<double>(all);
  return enclosed ? static_cast<int>(most - around.begin()) : 0;
}

bool TouchesBorder(const cv::Mat& region) {
  const int last = region.cols - 1;
  return cv::countNonZero(region.row(0)) + cv::countNonZero(region.row(region.rows - 1)) +
             cv::countNonZero(region.col(0)) + cv::countNonZero(region.col(last)) >
         0;
}

// A class in one mask.
struct ClassShape {
  std::vector<double> areas;  // of its parts
  bool holes = false, border = false;
  int before = 0, after = 0;  // pixels, and those that smoothing leaves
};

ClassShape ShapeOf(const cv::Mat& region) {
  ClassShape shape;
  for (const RegionPart& part : PartsOf(region)) shape.areas.push_back(part.area);
  if (shape.areas.empty()) return shape;
  shape.holes = cv::countNonZero(WithoutHoles(region) != region) > 0;
  shape.border = TouchesBorder(region);
  shape.before = cv::countNonZero(region);
  shape.after = cv::countNonZero(region & Smoothed(region));
  return shape;
}

void LearnShape(const at::Tensor& masks, int label, ClassRules& rules) {
  std::vector<double> areas, counts;
  double before = 0, after = 0;
  int64_t present = 0, with_holes = 0, at_border = 0;
  const auto seen = LookAtEach(
      masks, [&](const cv::Mat& mask) { return ShapeOf(SolidRegion(mask, label, rules.inner)); });
  for (const ClassShape& shape : seen) {
    if (shape.areas.empty()) continue;
    ++present;
    areas.insert(areas.end(), shape.areas.begin(), shape.areas.end());
    counts.push_back(static_cast<double>(shape.areas.size()));
    with_holes += shape.holes ? 1 : 0;
    at_border += shape.border ? 1 : 0;
    before += shape.before;
    after += shape.after;
  }
  rules.always = present == masks.size(0);
  if (present == 0) return;
  const double scale = static_cast<double>(masks.size(1)) / 64;
  rules.thin = after < kKept * before;
  const double exceptions = (1 - kRule) * static_cast<double>(present);
  rules.holes = static_cast<double>(with_holes) > exceptions;
  rules.border = static_cast<double>(at_border) > exceptions;
  // Half of what real parts have: smoothing takes a little, and there are new shapes to be found.
  rules.least_area = Quantile(areas, 1 - kRule) / 2;
  if (!rules.thin) rules.least_area = std::max(kLeastPart * scale * scale, rules.least_area);
  rules.most_parts = static_cast<int>(Quantile(counts, kRule));
}

// Its greatest parts that are not too small, as many as there may be.
cv::Mat WithoutIslands(const cv::Mat& region, const ClassRules& rules) {
  cv::Mat result = cv::Mat::zeros(region.size(), CV_8UC1);
  int kept = 0;
  for (const RegionPart& part : PartsOf(region)) {
    if (kept == rules.most_parts || part.area < rules.least_area) break;
    result |= part.Pixels();
    ++kept;
  }
  return result;
}

}  // namespace

MaskRules LearnMaskRules(const at::Tensor& masks, int count) {
  if (masks.size(0) < 1 || count < 2) {
    throw std::invalid_argument("mask synthesis needs at least one real mask and one class");
  }
  MaskRules rules{.side = static_cast<int>(masks.size(1)), .classes = {}, .order = {}};
  rules.classes.resize(count);
  for (int i = 1; i < count; ++i) rules.classes[i].parent = ParentOf(masks, i, count);
  std::vector<int> depth(count);
  for (int i = 1; i < count; ++i) {
    int up = rules.classes[i].parent;
    for (depth[i] = 0; up != 0 && depth[i] <= count; up = rules.classes[up].parent) ++depth[i];
    // Classes that surround each other in a circle: none is inside another.
    if (up != 0) depth[i] = rules.classes[i].parent = 0;
    rules.order.push_back(i);
  }
  for (int i = 1; i < count; ++i) {
    for (int up = rules.classes[i].parent; up != 0; up = rules.classes[up].parent) {
      rules.classes[up].inner.push_back(i);
    }
  }
  std::ranges::stable_sort(rules.order, {}, [&](int i) { return depth[i]; });
  for (int i = 1; i < count; ++i) LearnShape(masks, i, rules.classes[i]);
  return rules;
}

cv::Mat CleanMask(const cv::Mat& classes, const MaskRules& rules) {
  cv::Mat result = cv::Mat::zeros(classes.size(), CV_8UC1);
  for (const int label : rules.order) {
    const ClassRules& own = rules.classes[label];
    cv::Mat region = SolidRegion(classes, label, own.inner);
    if (!own.thin) region = Smoothed(region);
    // Inside what is around it, and beside what is painted already.
    cv::Mat room = result == own.parent;
    if (own.parent != 0) room &= Eroded(SolidRegion(result, own.parent, {}));
    region &= room;
    if (!own.holes) region = WithoutHoles(region) & room;
    result.setTo(label, WithoutIslands(region, own));
  }
  return result;
}

std::string MaskFault(const cv::Mat& classes, const MaskRules& rules) {
  for (const int label : rules.order) {
    const ClassRules& own = rules.classes[label];
    const std::string name = "class " + std::to_string(label) + ": ";
    const cv::Mat region = SolidRegion(classes, label, own.inner);
    const std::vector<RegionPart> parts = PartsOf(region);
    if (own.always && parts.empty()) return name + "missing";
    if (static_cast<int>(parts.size()) > own.most_parts) return name + "too many parts";
    if (!parts.empty() && parts.back().area < own.least_area) {
      return name + "an island of " + std::to_string(std::lround(parts.back().area)) + " pixels";
    }
    if (!own.border && TouchesBorder(region)) return name + "at the border";
    if (own.parent == 0) continue;
    const cv::Mat around = SolidRegion(classes, own.parent, rules.classes[own.parent].inner);
    if (cv::countNonZero(Dilated(region) & ~around) > 0) return name + "not inside its class";
  }
  return "";
}

cv::Mat MovedMask(const cv::Mat& classes, at::Generator random) {
  const at::Tensor draws = at::rand({4}, random, at::kDouble);
  const auto draw = [&](int64_t i) { return 2 * draws[i].item<double>() - 1; };
  const double scale = 1 + 0.2 * draw(0), side = classes.cols, middle = (side - 1) / 2;
  const double mirror = draw(3) < 0 ? -1 : 1;
  const double dx = 0.1 * side * draw(1), dy = 0.1 * side * draw(2);
  const cv::Matx23d map(mirror * scale, 0, middle - mirror * scale * middle + dx,  //
                        0, scale, middle - scale * middle + dy);
  cv::Mat moved;
  cv::warpAffine(classes, moved, map, classes.size(), cv::INTER_NEAREST);
  return moved;
}

}  // namespace alignflow
