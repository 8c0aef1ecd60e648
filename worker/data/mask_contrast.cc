#include "worker/data/mask_contrast.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>

namespace alignflow {
namespace {

constexpr int kFewestPixels = 8;
constexpr double kNoiseVariance = 4;  // two grey levels
constexpr int kBlack = 12;            // outside of the field of view all channels are darker

struct Colors {
  cv::Vec3d mean;
  cv::Matx33d covariance = cv::Matx33d::zeros();
};

Colors ColorsOf(const cv::Mat& image, const cv::Mat& where) {
  Colors colors;
  const int count = cv::countNonZero(where);
  const cv::Scalar mean = cv::mean(image, where);
  colors.mean = {mean[0], mean[1], mean[2]};
  for (int y = 0; y < image.rows; ++y) {
    for (int x = 0; x < image.cols; ++x) {
      if (where.at<uint8_t>(y, x) == 0) continue;
      const cv::Vec3d d = cv::Vec3d(image.at<cv::Vec3b>(y, x)) - colors.mean;
      colors.covariance += d * d.t();
    }
  }
  colors.covariance *= 1.0 / count;
  return colors;
}

}  // namespace

double MaskContrast(const cv::Mat& image, const cv::Mat& mask, int label) {
  const cv::Mat structure = mask == label;
  const int area = cv::countNonZero(structure);
  if (area < kFewestPixels) return 0;
  // Holes are what the structure surrounds, such as the cup in the disc, not what surrounds it.
  std::vector<std::vector<cv::Point>> outlines;
  cv::findContours(structure, outlines, cv::RETR_EXTERNAL, cv::CHAIN_APPROX_NONE);
  cv::Mat filled(mask.size(), CV_8U, cv::Scalar(0));
  cv::drawContours(filled, outlines, -1, cv::Scalar(255), cv::FILLED);

  cv::Mat distance;
  cv::distanceTransform(~filled, distance, cv::DIST_L2, cv::DIST_MASK_PRECISE);
  const double radius = std::sqrt(cv::countNonZero(filled) / std::numbers::pi);
  cv::Mat level;
  cv::transform(image, level, cv::Matx13f(1, 1, 1) * (1.0f / 3));
  const cv::Mat ring =
      (distance > 1.5) & (distance <= 1.5 + std::max(3.0, 0.5 * radius)) & (level > kBlack);
  if (cv::countNonZero(ring) < kFewestPixels) return 0;

  const Colors inside = ColorsOf(image, structure), around = ColorsOf(image, ring);
  const cv::Vec3d difference = inside.mean - around.mean;
  const cv::Matx33d spread =
      (inside.covariance + around.covariance) * 0.5 + cv::Matx33d::eye() * kNoiseVariance;
  const cv::Vec3d weights = spread.inv(cv::DECOMP_CHOLESKY) * difference;
  return std::sqrt(std::max(0.0, difference.dot(weights)));
}

}  // namespace alignflow
