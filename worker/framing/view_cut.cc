#include "worker/framing/view_cut.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

namespace alignflow {
namespace {

// One mean colour of the shape's pixels near each pixel, weighted by how many there are.
struct Level {
  cv::Mat sum;     // float, the image's channels
  cv::Mat weight;  // float, 0 to 1
};

cv::Mat InEveryChannel(const cv::Mat& values, int channels) {
  cv::Mat spread;
  cv::merge(std::vector<cv::Mat>(channels, values), spread);
  return spread;
}

// What is around the shape is filled from the shape by push and pull (Gortler et al. 1996): ever
// coarser means reach ever further, and where there are finer ones these count.
cv::Mat Filled(const cv::Mat& image, const cv::Mat& shape) {
  if (cv::countNonZero(shape == 0) == 0 || cv::countNonZero(shape) == 0) return image;
  // From a little within the shape: its edge may be darker than what it surrounds, and would stay
  // as a line.
  const int longer = std::max(image.cols, image.rows), channels = image.channels();
  cv::Mat inner;
  cv::erode(shape, inner, cv::getStructuringElement(cv::MORPH_RECT, {3, 3}), {-1, -1},
            std::max(1, longer / 128), cv::BORDER_CONSTANT, cv::Scalar(255));
  if (cv::countNonZero(inner) == 0) inner = shape;
  std::vector<Level> levels(1);
  inner.convertTo(levels[0].weight, CV_32F, 1.0 / 255);
  image.convertTo(levels[0].sum, CV_32F);
  levels[0].sum = levels[0].sum.mul(InEveryChannel(levels[0].weight, channels));
  while (std::max(levels.back().sum.cols, levels.back().sum.rows) > 1) {
    Level coarser;
    cv::pyrDown(levels.back().sum, coarser.sum);
    cv::pyrDown(levels.back().weight, coarser.weight);
    levels.push_back(std::move(coarser));
  }
  cv::Mat filled;
  for (size_t i = levels.size(); i-- > 0;) {
    const Level& level = levels[i];
    cv::Mat mean = level.sum / InEveryChannel(cv::max(level.weight, 1e-6), channels);
    if (!filled.empty()) {
      cv::Mat coarse;
      cv::resize(filled, coarse, mean.size(), 0, 0, cv::INTER_LINEAR);
      const cv::Mat known = InEveryChannel(level.weight, channels);
      mean = mean.mul(known) + coarse.mul(cv::Scalar::all(1) - known);
    }
    filled = mean;
  }
  cv::Mat bytes, result = image.clone();
  filled.convertTo(bytes, image.type());
  bytes.copyTo(result, inner == 0);
  return result;
}

}  // namespace

View AtSize(const View& view, int width, int height) {
  const auto scaled = [](int place, int from, int to) {
    return static_cast<int>(std::lround(static_cast<double>(place) * to / from));
  };
  const int left = scaled(view.box.x, view.width, width);
  const int top = scaled(view.box.y, view.height, height);
  const int right = std::max(left + 1, scaled(view.box.x + view.box.width, view.width, width));
  const int bottom = std::max(top + 1, scaled(view.box.y + view.box.height, view.height, height));
  return {.width = width,
          .height = height,
          .box = {left, top, right - left, bottom - top},
          .shape = view.shape,
          .border = view.border};
}

cv::Mat ShapeAt(const View& view, cv::Size size) {
  cv::Mat shape;
  cv::resize(view.shape, shape, size, 0, 0, cv::INTER_LINEAR);
  return shape >= 128;
}

cv::Mat CutImage(const cv::Mat& image, const View& view, cv::Size size) {
  const bool shrinks = view.box.width > size.width || view.box.height > size.height;
  cv::Mat cut;
  // Filled before it is resized: else the border bleeds into the view.
  cv::resize(Filled(image(view.box), ShapeAt(view, view.box.size())), cut, size, 0, 0,
             shrinks ? cv::INTER_AREA : cv::INTER_LANCZOS4);
  return cut;
}

cv::Mat CutMask(const cv::Mat& mask, const View& view, cv::Size size, int background) {
  cv::Mat cut;
  cv::resize(mask(view.box), cut, size, 0, 0, cv::INTER_NEAREST_EXACT);
  cut.setTo(background, ShapeAt(view, size) == 0);
  return cut;
}

cv::Mat PutMaskBack(const cv::Mat& mask, const View& view, int background) {
  cv::Mat picture(view.height, view.width, mask.type(), cv::Scalar::all(background));
  cv::Mat box = picture(view.box);
  cv::resize(mask, box, box.size(), 0, 0, cv::INTER_NEAREST_EXACT);
  box.setTo(cv::Scalar::all(background), ShapeAt(view, box.size()) == 0);
  return picture;
}

}  // namespace alignflow
