#include "worker/framing/view_finder.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <opencv2/imgproc.hpp>
#include <optional>
#include <utility>

namespace alignflow {
namespace {

constexpr int kDark = 30;             // the brightest channel of a dark border; JPEG leaves noise
constexpr double kBorderShare = 0.2;  // of the picture's edge that has a border's colour
constexpr int kBorderDistance = 3;    // of a channel from that colour: smooth tissue varies more
constexpr int kBorderRange = 4;       // of a channel around a pixel of it
constexpr int kFlatRange = 2;         // of a channel within a flat box
constexpr int kSaturated = 245;       // of all channels: a reflection, not a box
constexpr double kFlatArea = 0.002;   // of the picture: smaller flat parts are no boxes
constexpr int kBlack = 12, kBlackRange = 8;  // of a black box: dark tissue has grain
constexpr double kLeastBoxSide = 0.06;       // of the picture's shorter side
constexpr double kBoxExtent = 0.8;           // of its bounding box that a box fills
constexpr int kTissueRedness = -4;           // least red - green of most tissue under white light
constexpr double kRedShare = 0.7;            // of pixels from which on it is such tissue
constexpr int kUnlikeTissue = 45;            // green or blue - red, that such tissue does not have
constexpr double kOpening = 0.02;            // of the shorter side: radius of what is cut off
constexpr double kSolid = 0.8;               // of its hull's area: the view is its hull then
constexpr double kLeastArea = 0.1;           // of the picture
constexpr double kSnap = 0.02;  // of the side: a view's edge that near is the picture's
constexpr size_t kStaticImages = 4;
constexpr double kStaticDeviation = 2;  // median absolute deviation of a channel
constexpr double kStaticMost = 0.5;     // of what is bright: more, and the images are all alike

int64_t Area(const cv::Mat& mask) { return cv::countNonZero(mask); }

cv::Mat Disc(int radius) {
  return cv::getStructuringElement(cv::MORPH_ELLIPSE, {2 * radius + 1, 2 * radius + 1});
}

cv::Mat Opened(const cv::Mat& mask, int radius) {
  // With a margin, so that nothing is cut off along the picture's edge.
  cv::Mat wide, opened;
  cv::copyMakeBorder(mask, wide, radius, radius, radius, radius, cv::BORDER_REPLICATE);
  cv::morphologyEx(wide, opened, cv::MORPH_OPEN, Disc(radius));
  return opened(cv::Rect(radius, radius, mask.cols, mask.rows)).clone();
}

cv::Mat GreatestChannel(const cv::Mat& image) {
  std::vector<cv::Mat> channels;
  cv::split(image, channels);
  cv::Mat greatest = channels[0];
  for (size_t i = 1; i < channels.size(); ++i) greatest = cv::max(greatest, channels[i]);
  return greatest;
}

// Greatest difference within the square around each pixel, of any channel: uint8.
cv::Mat RangeAround(const cv::Mat& image, int radius) {
  const cv::Mat square =
      cv::getStructuringElement(cv::MORPH_RECT, {2 * radius + 1, 2 * radius + 1});
  cv::Mat high, low;
  cv::dilate(image, high, square);
  cv::erode(image, low, square);
  return GreatestChannel(high - low);
}

cv::Mat NearColour(const cv::Mat& image, const cv::Vec3b& colour, int distance) {
  cv::Mat difference;
  cv::absdiff(image, cv::Scalar(colour[0], colour[1], colour[2]), difference);
  return GreatestChannel(difference) <= distance;
}

// The colour that the picture's edge has most often, if that is often enough.
std::optional<cv::Vec3b> ColourOfEdge(const cv::Mat& image) {
  std::vector<cv::Vec3b> edge;
  for (int x = 0; x < image.cols; ++x) {
    for (const int y : {0, 1, image.rows - 2, image.rows - 1}) {
      edge.push_back(image.at<cv::Vec3b>(std::max(y, 0), x));
    }
  }
  for (int y = 0; y < image.rows; ++y) {
    for (const int x : {0, 1, image.cols - 2, image.cols - 1}) {
      edge.push_back(image.at<cv::Vec3b>(y, std::max(x, 0)));
    }
  }
  std::map<std::array<int, 3>, int> counts;
  for (const cv::Vec3b& colour : edge) ++counts[{colour[0] / 16, colour[1] / 16, colour[2] / 16}];
  const auto most =
      std::ranges::max_element(counts, {}, [](const auto& bin) { return bin.second; });
  if (most->second < kBorderShare * static_cast<double>(edge.size())) return std::nullopt;
  cv::Vec3d sum;
  for (const cv::Vec3b& colour : edge) {
    if (std::array<int, 3>{colour[0] / 16, colour[1] / 16, colour[2] / 16} == most->first) {
      sum += cv::Vec3d(colour);
    }
  }
  return cv::Vec3b(sum / most->second);
}

// The parts of a mask that touch the picture's edge.
cv::Mat ConnectedToEdge(const cv::Mat& mask) {
  cv::Mat flooded;
  cv::copyMakeBorder(mask, flooded, 1, 1, 1, 1, cv::BORDER_CONSTANT, cv::Scalar(255));
  cv::floodFill(flooded, {0, 0}, cv::Scalar(128), nullptr, {}, {}, 4);
  return flooded(cv::Rect(1, 1, mask.cols, mask.rows)) == 128;
}

// Without parts of fewer pixels.
cv::Mat LargeParts(const cv::Mat& mask, double least) {
  cv::Mat labels, stats, centres;
  const int count = cv::connectedComponentsWithStats(mask, labels, stats, centres, 8);
  cv::Mat large = cv::Mat::zeros(mask.size(), CV_8U);
  for (int i = 1; i < count; ++i) {
    if (stats.at<int>(i, cv::CC_STAT_AREA) >= least) large.setTo(255, labels == i);
  }
  return large;
}

cv::Mat LargestPart(const cv::Mat& mask) {
  cv::Mat labels, stats, centres;
  const int count = cv::connectedComponentsWithStats(mask, labels, stats, centres, 4);
  int largest = 0;
  for (int i = 1; i < count; ++i) {
    if (largest == 0 ||
        stats.at<int>(i, cv::CC_STAT_AREA) > stats.at<int>(largest, cv::CC_STAT_AREA)) {
      largest = i;
    }
  }
  if (largest == 0) return cv::Mat::zeros(mask.size(), CV_8U);
  return labels == largest;
}

cv::Mat WithoutHoles(const cv::Mat& mask) { return ~ConnectedToEdge(~mask); }

// What surrounds the view.
cv::Mat Surroundings(const cv::Mat& image) {
  cv::Mat around = GreatestChannel(image) <= kDark;
  if (const auto colour = ColourOfEdge(image)) {
    around |= NearColour(image, *colour, kBorderDistance) & (RangeAround(image, 1) <= kBorderRange);
  }
  return ConnectedToEdge(around);
}

// Boxes of one colour, and colours that this picture's tissue does not have.
cv::Mat Overlays(const cv::Mat& image, const cv::Mat& around) {
  const double area = kFlatArea * static_cast<double>(image.total());
  const cv::Mat greatest = GreatestChannel(image), seen = ~around;
  cv::Mat overlays =
      LargeParts((RangeAround(image, 2) <= kFlatRange) & seen & (greatest < kSaturated), area);
  std::vector<cv::Mat> channels;
  cv::split(image, channels);
  cv::Mat redness, excess;
  cv::subtract(channels[2], channels[1], redness, cv::noArray(), CV_16S);
  cv::subtract(cv::max(channels[0], channels[1]), channels[2], excess, cv::noArray(), CV_16S);
  const cv::Mat red = redness >= kTissueRedness;
  const int all = cv::countNonZero(seen);
  // Grey pictures have no colour to tell by, and pass.
  if (all > 0 && cv::countNonZero(red & seen) >= kRedShare * all) {
    cv::Mat unlike = LargeParts((excess >= kUnlikeTissue) & seen, area);
    cv::dilate(unlike, unlike, Disc(1));  // the box's own edge
    overlays |= unlike;
  }
  return overlays;
}

cv::Mat Hull(const cv::Mat& mask) {
  std::vector<cv::Point> points, hull;
  cv::findNonZero(mask, points);
  cv::convexHull(points, hull);
  cv::Mat filled = cv::Mat::zeros(mask.size(), CV_8U);
  cv::fillConvexPoly(filled, hull, cv::Scalar(255));
  return filled;
}

// Of what is around the view, black boxes laid over it: no hull may bring them back. Dark tissue is
// ragged.
cv::Mat BlackBoxes(const cv::Mat& image, const cv::Mat& around, const cv::Mat& hull) {
  const cv::Mat black = (GreatestChannel(image) <= kBlack) & (RangeAround(image, 2) <= kBlackRange);
  const double least = kLeastBoxSide * std::min(image.cols, image.rows);
  cv::Mat labels, stats, centres;
  const int count = cv::connectedComponentsWithStats(black & around, labels, stats, centres, 4);
  cv::Mat boxes = cv::Mat::zeros(image.size(), CV_8U);
  for (int i = 1; i < count; ++i) {
    const int width = stats.at<int>(i, cv::CC_STAT_WIDTH);
    const int height = stats.at<int>(i, cv::CC_STAT_HEIGHT);
    const double extent = static_cast<double>(stats.at<int>(i, cv::CC_STAT_AREA)) / width / height;
    if (std::min(width, height) < least || extent < kBoxExtent) continue;
    const cv::Mat box = labels == i;
    if (Area(box & hull) >= kFlatArea * static_cast<double>(image.total())) boxes |= box;
  }
  // With its own edge.
  cv::dilate(boxes, boxes, cv::getStructuringElement(cv::MORPH_RECT, {9, 9}));
  return boxes;
}

// The view in a picture of at most kViewSide pixels a side: uint8, all 255 where none is found.
cv::Mat ShapeIn(const cv::Mat& image, const cv::Mat& unchanging) {
  const cv::Mat everything(image.size(), CV_8U, cv::Scalar(255));
  const cv::Mat around = Surroundings(image);
  cv::Mat overlays = Overlays(image, around);
  if (!unchanging.empty()) overlays |= unchanging;
  const int radius =
      std::max(1, static_cast<int>(std::lround(kOpening * std::min(image.cols, image.rows))));
  cv::Mat view = WithoutHoles(LargestPart(Opened(~around & ~overlays, radius)));
  const auto least = static_cast<int64_t>(kLeastArea * static_cast<double>(image.total()));
  if (Area(view) <= least) return everything;
  const cv::Mat hull = Hull(view);
  if (static_cast<double>(Area(view)) >= kSolid * static_cast<double>(Area(hull))) {
    // Dark tissue at the edge comes back, an overlay there does not.
    const cv::Mat laid_over = Opened(overlays & ~view, radius) | BlackBoxes(image, around, hull);
    view = LargestPart(hull & ~laid_over);
  }
  // A view's outermost pixels are mixed with what is around it; those at the picture's edge are
  // not.
  cv::Mat inner;
  cv::erode(view, inner, Disc(1), {-1, -1}, 1, cv::BORDER_CONSTANT, cv::Scalar(255));
  return Area(inner) > least ? inner : view;
}

cv::Mat Working(const cv::Mat& image) {
  cv::Mat colour = image;
  if (image.channels() == 1) cv::cvtColor(image, colour, cv::COLOR_GRAY2BGR);
  const int longer = std::max(image.cols, image.rows);
  if (longer <= kViewSide) return colour;
  const double scale = static_cast<double>(kViewSide) / longer;
  cv::Mat small;
  cv::resize(colour, small,
             {std::max(1, static_cast<int>(std::lround(image.cols * scale))),
              std::max(1, static_cast<int>(std::lround(image.rows * scale)))},
             0, 0, cv::INTER_AREA);
  return small;
}

uint8_t Median(std::vector<uint8_t>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

cv::Vec3b MedianColour(const cv::Mat& image, const cv::Mat& where) {
  cv::Vec3b colour(0, 0, 0);
  std::array<std::vector<uint8_t>, 3> values;
  for (int y = 0; y < image.rows; ++y) {
    for (int x = 0; x < image.cols; ++x) {
      if (where.at<uint8_t>(y, x) == 0) continue;
      for (int c = 0; c < 3; ++c) values[c].push_back(image.at<cv::Vec3b>(y, x)[c]);
    }
  }
  for (int c = 0; c < 3; ++c) {
    if (!values[c].empty()) colour[c] = Median(values[c]);
  }
  return colour;
}

// [low, high) of a side of `small` pixels in one of `full` pixels, snapped to its ends.
std::pair<int, int> Scaled(int low, int high, int small, int full) {
  const double snap = kSnap * small;
  const double scale = static_cast<double>(full) / small;
  const int begin = low <= snap ? 0 : static_cast<int>(std::lround(low * scale));
  const int end = high >= small - snap ? full : static_cast<int>(std::lround(high * scale));
  return {begin, std::max(begin + 1, end)};
}

View ViewOf(const cv::Mat& image, const cv::Mat& working, const cv::Mat& unchanging) {
  const cv::Mat shape = ShapeIn(working, unchanging);
  const cv::Rect tight = cv::boundingRect(shape);
  const auto [left, right] = Scaled(tight.x, tight.x + tight.width, working.cols, image.cols);
  const auto [top, bottom] = Scaled(tight.y, tight.y + tight.height, working.rows, image.rows);
  View view{.width = image.cols,
            .height = image.rows,
            .box = {left, top, right - left, bottom - top},
            .shape = {},
            .border = MedianColour(working, ~shape)};
  // The box in the small picture, as wide as it became by snapping.
  const cv::Rect small(left == 0 ? 0 : tight.x, top == 0 ? 0 : tight.y, 0, 0);
  const int end_x = right == image.cols ? working.cols : tight.x + tight.width;
  const int end_y = bottom == image.rows ? working.rows : tight.y + tight.height;
  view.shape = shape(cv::Rect(small.x, small.y, end_x - small.x, end_y - small.y)).clone();
  return view;
}

// What is the same in all pictures, of one size, and not dark: uint8. Empty if that is most of it.
cv::Mat Unchanging(const std::vector<cv::Mat>& images) {
  cv::Mat same(images[0].size(), CV_8U, cv::Scalar(0));
  std::vector<uint8_t> values(images.size());
  for (int y = 0; y < same.rows; ++y) {
    for (int x = 0; x < same.cols; ++x) {
      bool still = true;
      for (int c = 0; c < 3 && still; ++c) {
        const auto channel = [&](size_t i) { return images[i].at<cv::Vec3b>(y, x)[c]; };
        for (size_t i = 0; i < images.size(); ++i) values[i] = channel(i);
        const int median = Median(values);
        for (size_t i = 0; i < images.size(); ++i) {
          values[i] = static_cast<uint8_t>(std::abs(channel(i) - median));
        }
        still = Median(values) <= kStaticDeviation;
      }
      if (still) same.at<uint8_t>(y, x) = 255;
    }
  }
  const cv::Mat bright = GreatestChannel(images[0]) > kDark;
  same = Opened(same, 1) & bright;
  if (static_cast<double>(Area(same)) > kStaticMost * static_cast<double>(Area(bright))) return {};
  return LargeParts(same, kFlatArea * static_cast<double>(same.total()));
}

}  // namespace

View FindView(const cv::Mat& image) { return ViewOf(image, Working(image), {}); }

std::vector<View> FindViews(std::span<const cv::Mat> images) {
  std::vector<cv::Mat> working;
  std::map<std::pair<int, int>, std::vector<cv::Mat>> by_size;
  for (const cv::Mat& image : images) {
    working.push_back(Working(image));
    by_size[{image.cols, image.rows}].push_back(working.back());
  }
  std::map<std::pair<int, int>, cv::Mat> unchanging;
  for (const auto& [size, same_size] : by_size) {
    if (same_size.size() >= kStaticImages) unchanging[size] = Unchanging(same_size);
  }
  std::vector<View> views;
  for (size_t i = 0; i < images.size(); ++i) {
    views.push_back(ViewOf(images[i], working[i], unchanging[{images[i].cols, images[i].rows}]));
  }
  return views;
}

}  // namespace alignflow
