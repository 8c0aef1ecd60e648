#include "worker/framing/frame.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "worker/data/letterbox.h"
#include "worker/framing/view_cut.h"

namespace alignflow {
namespace {

constexpr double kSamePlace = 0.8;  // intersection over union of two views' boxes
constexpr size_t kCommonImages = 3;
constexpr int kCommonRange = 16;    // of a channel, over the images
constexpr double kWriting = 0.035;  // of the shorter side: strokes and letters are no wider
constexpr int kEdge = 2;            // pixels around a view that its own edge reaches

cv::Size ScaledTo(int width, int height, int longer) {
  const LetterboxPlan plan = PlanLetterbox(width, height, longer);
  return {plan.width, plan.height};
}

double Overlap(const cv::Rect& a, const cv::Rect& b) {
  const double both = (a & b).area();
  return both / (a.area() + b.area() - both);
}

cv::Mat ShapeInPicture(const View& view) {
  cv::Mat picture(view.height, view.width, CV_8U, cv::Scalar(0));
  ShapeAt(view, view.box.size()).copyTo(picture(view.box));
  return picture;
}

// Without bright or dark strokes narrower than writing.
cv::Mat WithoutWriting(const cv::Mat& image) {
  const int radius =
      std::max(2, static_cast<int>(std::lround(kWriting * std::min(image.cols, image.rows))));
  const cv::Mat square =
      cv::getStructuringElement(cv::MORPH_RECT, {2 * radius + 1, 2 * radius + 1});
  cv::Mat plain;
  cv::morphologyEx(image, plain, cv::MORPH_OPEN, square);
  cv::morphologyEx(plain, plain, cv::MORPH_CLOSE, square);
  return plain;
}

// What pictures with their views at one place have in common around these; `border` elsewhere.
cv::Mat CommonSurroundings(const std::vector<cv::Mat>& images, const std::vector<cv::Mat>& shapes,
                           const cv::Vec3b& border) {
  cv::Mat common(images[0].size(), CV_8UC3, cv::Scalar(border[0], border[1], border[2]));
  if (images.size() < kCommonImages) return common;
  cv::Mat lowest = images[0].clone(), highest = images[0].clone(), seen = shapes[0].clone();
  for (size_t i = 1; i < images.size(); ++i) {
    lowest = cv::min(lowest, images[i]);
    highest = cv::max(highest, images[i]);
    seen = cv::max(seen, shapes[i]);
  }
  const cv::Mat element = cv::getStructuringElement(cv::MORPH_RECT, {2 * kEdge + 1, 2 * kEdge + 1});
  cv::dilate(seen, seen, element);
  cv::Mat range = highest - lowest, agree;
  cv::inRange(range, cv::Scalar::all(0), cv::Scalar::all(kCommonRange), agree);
  // Of what agrees, the mean of the extremes; nothing finer than writing stays.
  cv::Mat middle;
  cv::addWeighted(lowest, 0.5, highest, 0.5, 0, middle);
  middle.copyTo(common, agree & ~seen);
  return WithoutWriting(common);
}

cv::Mat Plain(const View& view) {
  const cv::Vec3b& colour = view.border;
  return {view.height, view.width, CV_8UC3, cv::Scalar(colour[0], colour[1], colour[2])};
}

}  // namespace

Frame FrameAt(const FramePlan& plan, int longer) {
  const cv::Size size = ScaledTo(plan.view.width, plan.view.height, longer);
  const View scaled = AtSize(plan.view, size.width, size.height);
  Frame frame{.box = scaled.box, .shape = ShapeAt(scaled, scaled.box.size()), .surroundings = {}};
  const bool shrinks = plan.surroundings.cols > size.width;
  cv::resize(plan.surroundings, frame.surroundings, size, 0, 0,
             shrinks ? cv::INTER_AREA : cv::INTER_LINEAR);
  return frame;
}

Frame PlainFrame(const View& view, int longer) {
  return FrameAt({.view = view, .surroundings = Plain(view)}, longer);
}

std::vector<FramePlan> CommonFrames(std::span<const cv::Mat> images, std::span<const View> views) {
  std::vector<cv::Mat> shapes;
  for (const View& view : views) shapes.push_back(ShapeInPicture(view));
  std::vector<FramePlan> frames;
  for (const View& view : views) {
    std::vector<cv::Mat> alike, their_shapes;
    for (size_t i = 0; i < views.size(); ++i) {
      if (views[i].width != view.width || views[i].height != view.height ||
          Overlap(views[i].box, view.box) < kSamePlace) {
        continue;
      }
      alike.push_back(images[i]);
      their_shapes.push_back(shapes[i]);
    }
    frames.push_back({view, CommonSurroundings(alike, their_shapes, view.border)});
  }
  return frames;
}

cv::Mat PutIntoFrame(const cv::Mat& view, const Frame& frame) {
  const cv::Size size = frame.box.size();
  const bool shrinks = view.cols > size.width || view.rows > size.height;
  cv::Mat stretched = view;
  if (view.size() != size) {
    cv::resize(view, stretched, size, 0, 0, shrinks ? cv::INTER_AREA : cv::INTER_LINEAR);
  }
  cv::Mat picture = frame.surroundings.clone();
  stretched.copyTo(picture(frame.box), frame.shape);
  return picture;
}

cv::Mat PutMaskIntoFrame(const cv::Mat& mask, const Frame& frame, int background) {
  cv::Mat picture(frame.size(), mask.type(), cv::Scalar::all(background));
  cv::Mat stretched;
  cv::resize(mask, stretched, frame.box.size(), 0, 0, cv::INTER_NEAREST_EXACT);
  stretched.copyTo(picture(frame.box), frame.shape);
  return picture;
}

double KeptShare(const cv::Mat& mask, const Frame& frame, int background) {
  cv::Mat shape;
  cv::resize(frame.shape, shape, mask.size(), 0, 0, cv::INTER_NEAREST_EXACT);
  const cv::Mat structures = mask != background;
  const int all = cv::countNonZero(structures);
  return all == 0 ? 1 : static_cast<double>(cv::countNonZero(structures & shape)) / all;
}

}  // namespace alignflow
