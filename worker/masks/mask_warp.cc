#include "worker/masks/mask_warp.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <utility>

namespace alignflow {
namespace {

constexpr double kPixel = 1.0 / 12;     // variance of a place within its pixel
constexpr double kMargin = 1.0 / 32;    // of the side: around structures, where the warp is whole
constexpr double kLeastFade = 1.0 / 8;  // of the side
constexpr double kMostStretch = 3;      // along any axis
constexpr double kLeastArea = 0.1;      // that any pixel may shrink to
// at::grid_sampler's names.
constexpr int64_t kBilinear = 0, kNearest = 1, kBorder = 1;

struct Moments {
  double area;
  cv::Vec2d mean;
  cv::Matx22d covariance;
};

// Of the pixels that are not 0.
Moments MomentsOf(const cv::Mat& region) {
  const cv::Moments moments = cv::moments(region, /*binaryImage=*/true);
  const double area = moments.m00;
  return {.area = area,
          .mean = {moments.m10 / area, moments.m01 / area},
          .covariance = {moments.mu20 / area + kPixel, moments.mu11 / area, moments.mu11 / area,
                         moments.mu02 / area + kPixel}};
}

// The positive square root of a positive matrix.
cv::Matx22d SquareRoot(const cv::Matx22d& a) {
  const double root = std::sqrt(cv::determinant(a));
  return (a + root * cv::Matx22d::eye()) * (1 / std::sqrt(cv::trace(a) + 2 * root));
}

// The logarithms of a map's greatest and least stretch along an axis.
std::pair<double, double> Stretches(const cv::Matx22d& a) {
  const double trace = cv::trace(a.t() * a), det = cv::determinant(a);
  const double root = std::sqrt(std::max(0.0, trace * trace - 4 * det * det));
  const double wide = std::log((trace + root) / 2) / 2;
  return {wide, std::log(det) - wide};
}

// How far a linear map is from the identity: the norm of its rotation's and its stretch's
// logarithms.
double Distance(const cv::Matx22d& a) {
  const double angle = std::atan2(a(1, 0) - a(0, 1), a(0, 0) + a(1, 1));
  const auto [wide, narrow] = Stretches(a);
  return std::sqrt(2 * angle * angle + wide * wide + narrow * narrow);
}

// Of all linear maps that take covariance `to` to covariance `from`, which differ by a rotation,
// the nearest to the identity.
cv::Matx22d FittedMap(const cv::Matx22d& from, const cv::Matx22d& to) {
  const cv::Matx22d outer = SquareRoot(from), inner = SquareRoot(to).inv();
  cv::Matx22d best;
  double least = INFINITY;
  for (int degree = 0; degree < 360; ++degree) {
    const double angle = degree * std::numbers::pi / 180;
    const cv::Matx22d rotation(std::cos(angle), -std::sin(angle), std::sin(angle), std::cos(angle));
    const cv::Matx22d map = outer * rotation * inner;
    const double distance = Distance(map);
    if (distance >= least) continue;
    least = distance;
    best = map;
  }
  return best;
}

// Each pixel of `from` or `to` is 0, each other one tells how far it is from there, in pixels.
cv::Mat DistanceFrom(const cv::Mat& from, const cv::Mat& to) {
  cv::Mat distance;
  cv::distanceTransform((from == 0) & (to == 0), distance, cv::DIST_L2, cv::DIST_MASK_PRECISE);
  return distance;
}

// Whether the map of pixels by x + u, y + v keeps every pixel's orientation and some of its area.
bool KeepsApart(const cv::Mat& u, const cv::Mat& v) {
  for (int y = 0; y + 1 < u.rows; ++y) {
    for (int x = 0; x + 1 < u.cols; ++x) {
      const float ux = u.at<float>(y, x + 1) - u.at<float>(y, x) + 1;
      const float uy = u.at<float>(y + 1, x) - u.at<float>(y, x);
      const float vx = v.at<float>(y, x + 1) - v.at<float>(y, x);
      const float vy = v.at<float>(y + 1, x) - v.at<float>(y, x) + 1;
      if (ux * vy - uy * vx < kLeastArea) return false;
    }
  }
  return true;
}

// Where the affine map moves each pixel: u and v, CV_32F.
struct Moves {
  cv::Mat u, v;
};
Moves MovesOf(const Moments& from, const Moments& to, const cv::Size& size) {
  cv::Matx22d map = FittedMap(from.covariance, to.covariance);
  const auto [wide, narrow] = Stretches(map);
  if (std::max(wide, -narrow) > std::log(kMostStretch)) {
    map = std::clamp(std::sqrt(from.area / to.area), 1 / kMostStretch, kMostStretch) *
          cv::Matx22d::eye();
  }
  Moves moves{cv::Mat(size, CV_32F), cv::Mat(size, CV_32F)};
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      const cv::Vec2d place(x, y);
      const cv::Vec2d move = from.mean + map * (place - to.mean) - place;
      moves.u.at<float>(y, x) = static_cast<float>(move[0]);
      moves.v.at<float>(y, x) = static_cast<float>(move[1]);
    }
  }
  return moves;
}

// The moves, fading to none within `fade` pixels beyond the margin.
Moves Faded(const Moves& whole, const cv::Mat& distance, double margin, double fade) {
  Moves moves{whole.u.clone(), whole.v.clone()};
  for (int y = 0; y < distance.rows; ++y) {
    for (int x = 0; x < distance.cols; ++x) {
      const double t = std::clamp((distance.at<float>(y, x) - margin) / fade, 0.0, 1.0);
      const auto share = static_cast<float>(1 - t * t * (3 - 2 * t));
      moves.u.at<float>(y, x) *= share;
      moves.v.at<float>(y, x) *= share;
    }
  }
  return moves;
}

Moves MovesTo(const cv::Mat& from, const cv::Mat& to) {
  const Moves whole = MovesOf(MomentsOf(from), MomentsOf(to), from.size());
  const cv::Mat distance = DistanceFrom(from, to);
  cv::Mat length;
  cv::magnitude(whole.u, whole.v, length);
  double farthest = 0;  // among the structures' pixels
  cv::minMaxLoc(length, nullptr, &farthest, nullptr, nullptr, distance == 0);
  const double side = std::max(from.cols, from.rows);
  for (double fade = std::max(kLeastFade * side, 2 * farthest); fade < 4 * side; fade *= 1.5) {
    Moves faded = Faded(whole, distance, kMargin * side, fade);
    if (KeepsApart(faded.u, faded.v)) return faded;
  }
  return whole;
}

cv::Mat MatOf(const at::Tensor& classes) {
  const at::Tensor plain = classes.contiguous();
  return cv::Mat(static_cast<int>(plain.size(0)), static_cast<int>(plain.size(1)), CV_8UC1,
                 plain.data_ptr<uint8_t>())
      .clone();
}

}  // namespace

MaskWarp::MaskWarp(const at::Tensor& from, const at::Tensor& to) {
  const cv::Mat real = MatOf(from), made = MatOf(to);
  Moves moves{cv::Mat::zeros(real.size(), CV_32F), cv::Mat::zeros(real.size(), CV_32F)};
  if (cv::countNonZero(real) > 0 && cv::countNonZero(made) > 0) moves = MovesTo(real, made);
  grid_ = at::empty({1, real.rows, real.cols, 2}, at::kFloat);
  auto grid = grid_.accessor<float, 4>();
  for (int y = 0; y < real.rows; ++y) {
    for (int x = 0; x < real.cols; ++x) {
      grid[0][y][x][0] =
          (2 * (x + moves.u.at<float>(y, x)) + 1) / static_cast<float>(real.cols) - 1;
      grid[0][y][x][1] =
          (2 * (y + moves.v.at<float>(y, x)) + 1) / static_cast<float>(real.rows) - 1;
    }
  }
}

MaskWarp MaskWarp::Enlarged(int64_t side) const {
  // Where pixels would come from if none moved.
  const auto places = [](int64_t size) {
    const at::Tensor centres =
        (at::arange(size, at::kFloat) * 2 + 1) / static_cast<double>(size) - 1;
    return at::stack({centres.view({1, size}).expand({size, size}),
                      centres.view({size, 1}).expand({size, size})},
                     -1)
        .unsqueeze(0);
  };
  const at::Tensor moves = (grid_ - places(grid_.size(1))).permute({0, 3, 1, 2});
  MaskWarp larger;
  larger.grid_ =
      places(side) + at::upsample_bilinear2d(moves, {side, side}, false).permute({0, 2, 3, 1});
  return larger;
}

at::Tensor MaskWarp::Images(const at::Tensor& images) const {
  const at::Tensor grid = grid_.to(images.options()).expand({images.size(0), -1, -1, -1});
  return at::grid_sampler(images, grid, kBilinear, kBorder, /*align_corners=*/false);
}

at::Tensor MaskWarp::Mask(const at::Tensor& classes) const {
  const at::Tensor plane = classes.to(at::kFloat).unsqueeze(0).unsqueeze(0);
  return at::grid_sampler(plane, grid_, kNearest, kBorder, /*align_corners=*/false)
      .squeeze(0)
      .squeeze(0)
      .to(at::kByte);
}

}  // namespace alignflow
