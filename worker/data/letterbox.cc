#include "worker/data/letterbox.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace alignflow {
namespace {

cv::Mat Place(const cv::Mat& image, const LetterboxPlan& plan, int interpolation,
              const cv::Scalar& padding) {
  if (!plan.Changes()) return image.clone();
  cv::Mat square(plan.size, plan.size, image.type(), padding);
  cv::Mat picture = square(cv::Rect(plan.left, plan.top, plan.width, plan.height));
  cv::resize(image, picture, picture.size(), 0, 0, interpolation);
  return square;
}

}  // namespace

LetterboxPlan PlanLetterbox(int width, int height, int size) {
  const int longer = std::max(width, height);
  // Rounded in integers, so that the plan is the same on every machine.
  const auto scaled = [&](int side) {
    return std::max<int>(
        1, static_cast<int>((int64_t{2} * side * size + longer) / (2 * int64_t{longer})));
  };
  LetterboxPlan plan{width, height, size, 0, 0, scaled(width), scaled(height)};
  plan.left = (size - plan.width) / 2;
  plan.top = (size - plan.height) / 2;
  return plan;
}

cv::Mat LetterboxImage(const cv::Mat& image, const LetterboxPlan& plan) {
  const bool shrinks = std::max(image.cols, image.rows) > plan.size;
  return Place(image, plan, shrinks ? cv::INTER_AREA : cv::INTER_LANCZOS4, cv::Scalar::all(0));
}

cv::Mat LetterboxMask(const cv::Mat& mask, const LetterboxPlan& plan, int background) {
  return Place(mask, plan, cv::INTER_NEAREST_EXACT, cv::Scalar::all(background));
}

cv::Mat CropLetterbox(const cv::Mat& square, const LetterboxPlan& plan) {
  return square(cv::Rect(plan.left, plan.top, plan.width, plan.height)).clone();
}

std::string DescribeLetterbox(const std::vector<LetterboxPlan>& plans) {
  struct Group {
    LetterboxPlan plan;
    int count = 0;
  };
  std::vector<LetterboxPlan> sorted;
  std::ranges::copy_if(plans, std::back_inserter(sorted), &LetterboxPlan::Changes);
  const auto key = [](const LetterboxPlan& p) {
    return std::make_tuple(p.source_width, p.source_height, p.size);
  };
  std::ranges::sort(sorted, {}, key);
  std::vector<Group> groups;
  for (const LetterboxPlan& plan : sorted) {
    if (groups.empty() || groups.back().plan != plan) groups.push_back({plan, 0});
    ++groups.back().count;
  }
  std::ranges::stable_sort(groups, std::ranges::greater{}, &Group::count);
  constexpr size_t kShown = 4;
  std::vector<std::string> parts;
  int rest = 0;
  for (size_t i = 0; i < groups.size(); ++i) {
    const auto& [plan, count] = groups[i];
    if (i >= kShown) {
      rest += count;
      continue;
    }
    std::string part =
        absl::StrFormat("%d image%s %dx%d -> %dx%d", count, count == 1 ? "" : "s",
                        plan.source_width, plan.source_height, plan.width, plan.height);
    if (plan.Pads()) absl::StrAppendFormat(&part, " in %dx%d", plan.size, plan.size);
    parts.push_back(std::move(part));
  }
  if (rest > 0) {
    parts.push_back(absl::StrFormat("and %d more in %d other size%s", rest, groups.size() - kShown,
                                    groups.size() == kShown + 1 ? "" : "s"));
  }
  return absl::StrJoin(parts, ", ");
}

}  // namespace alignflow
