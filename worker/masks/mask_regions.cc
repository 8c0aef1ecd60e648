#include "worker/masks/mask_regions.h"

#include <algorithm>
#include <opencv2/imgproc.hpp>

namespace alignflow {

cv::Mat SolidRegion(const cv::Mat& classes, int label, const std::vector<int>& inner) {
  cv::Mat region = classes == label;
  for (const int other : inner) region |= classes == other;
  return region;
}

cv::Mat Smoothed(const cv::Mat& region) {
  const int radius = std::max(1, region.cols / 64);
  const cv::Mat kernel =
      cv::getStructuringElement(cv::MORPH_ELLIPSE, cv::Size(2 * radius + 1, 2 * radius + 1));
  cv::Mat soft, result;
  cv::GaussianBlur(region, soft, cv::Size(), radius, radius, cv::BORDER_REPLICATE);
  result = soft > 127;
  cv::morphologyEx(result, result, cv::MORPH_OPEN, kernel);
  cv::morphologyEx(result, result, cv::MORPH_CLOSE, kernel);
  return result;
}

cv::Mat Eroded(const cv::Mat& region) {
  cv::Mat result;
  cv::erode(region, result, cv::getStructuringElement(cv::MORPH_RECT, cv::Size(3, 3)));
  return result;
}

cv::Mat Dilated(const cv::Mat& region) {
  cv::Mat result;
  cv::dilate(region, result, cv::getStructuringElement(cv::MORPH_RECT, cv::Size(3, 3)));
  return result;
}

cv::Mat WithoutHoles(const cv::Mat& region) {
  // What of the outside can be reached from beyond the border is no hole.
  cv::Mat framed;
  cv::copyMakeBorder(region, framed, 1, 1, 1, 1, cv::BORDER_CONSTANT, cv::Scalar(0));
  cv::floodFill(framed, cv::Point(0, 0), cv::Scalar(128));
  return cv::Mat(framed != 128)(cv::Rect(1, 1, region.cols, region.rows)).clone();
}

std::vector<RegionPart> PartsOf(const cv::Mat& region) {
  cv::Mat labels, stats, centres;
  const int count = cv::connectedComponentsWithStats(region, labels, stats, centres);
  std::vector<RegionPart> parts;
  for (int i = 1; i < count; ++i) {
    parts.push_back({.labels = labels,
                     .label = i,
                     .area = static_cast<double>(stats.at<int>(i, cv::CC_STAT_AREA)),
                     .x = centres.at<double>(i, 0),
                     .y = centres.at<double>(i, 1)});
  }
  std::ranges::stable_sort(parts, std::ranges::greater(), &RegionPart::area);
  return parts;
}

}  // namespace alignflow
