#include "worker/pairs/pair_scale.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "worker/sets/pixels.h"
#include "worker/tasks/task_spec.h"
#include "worker/training/random_stream.h"

namespace alignflow {
namespace {

cv::Mat ZoomedOut(const cv::Mat& picture, const cv::Rect& place, int interpolation) {
  cv::Mat small, wide;
  cv::resize(picture, small, place.size(), 0, 0, interpolation);
  cv::copyMakeBorder(small, wide, place.y, picture.rows - place.y - place.height, place.x,
                     picture.cols - place.x - place.width, cv::BORDER_REFLECT_101);
  return wide;
}

// Classes are numbers already, and travel as they are: a copy of the rows.
cv::Mat NumbersOf(const at::Tensor& classes) {
  const at::Tensor rows = classes.contiguous();
  return cv::Mat(static_cast<int>(rows.size(0)), static_cast<int>(rows.size(1)), CV_8U,
                 rows.data_ptr<uint8_t>())
      .clone();
}

}  // namespace

PairScale::PairScale(const TaskSpec& spec) : seed_(IntegerSetting(spec, "seed")) {
  // Tasks of before the setting was there know nothing of it.
  const bool views = TextSetting(spec, "framing") != "none";
  if (views && spec.settings.contains("framing.least_scale")) {
    least_ = RealSetting(spec, "framing.least_scale");
  }
}

struct PairScale::Place {
  cv::Rect box;
  double scale = 1;
};

PairScale::Place PairScale::PlaceOf(int64_t number, int64_t size) const {
  const at::Tensor drawn =
      at::rand({3}, RandomStream(seed_, RandomUse::kPairScale, number - 1), at::kDouble);
  const double scale = std::exp(drawn[0].item<double>() * std::log(least_));
  const int whole = static_cast<int>(size);
  const int side = std::clamp(static_cast<int>(std::lround(whole * scale)), 2, whole);
  const auto offset = [&](int64_t axis) {
    return static_cast<int>(std::lround(drawn[axis].item<double>() * (whole - side)));
  };
  return {.box = {offset(1), offset(2), side, side}, .scale = scale};
}

PairScale::Scaled PairScale::Apply(int64_t number, const at::Tensor& image,
                                   const at::Tensor& classes) const {
  Scaled scaled{.image = image, .classes = classes};
  if (least_ >= 1) return scaled;
  const Place place = PlaceOf(number, image.size(-1));
  scaled.scale = place.scale;
  scaled.image = TensorOfImage(ZoomedOut(ImageOfTensor(image), place.box, cv::INTER_AREA));
  scaled.classes = TensorOfMask(ZoomedOut(NumbersOf(classes), place.box, cv::INTER_NEAREST_EXACT));
  return scaled;
}

PairScale::Scaled PairScale::OfMask(int64_t number, const at::Tensor& classes) const {
  Scaled scaled{.image = {}, .classes = classes};
  if (least_ >= 1) return scaled;
  const Place place = PlaceOf(number, classes.size(-1));
  const cv::Mat numbers = NumbersOf(classes);
  cv::Mat alone = cv::Mat::zeros(numbers.size(), numbers.type());
  cv::resize(numbers, alone(place.box), place.box.size(), 0, 0, cv::INTER_NEAREST_EXACT);
  if (cv::countNonZero(alone) == 0) return scaled;
  scaled.classes = TensorOfMask(alone);
  scaled.scale = place.scale;
  return scaled;
}

}  // namespace alignflow
