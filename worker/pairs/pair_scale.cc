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

}  // namespace

PairScale::PairScale(const TaskSpec& spec) : seed_(IntegerSetting(spec, "seed")) {
  // Tasks of before the setting was there know nothing of it.
  const bool views = TextSetting(spec, "framing") != "none";
  if (views && spec.settings.contains("framing.least_scale")) {
    least_ = RealSetting(spec, "framing.least_scale");
  }
}

PairScale::Scaled PairScale::Apply(int64_t number, const at::Tensor& image,
                                   const at::Tensor& classes) const {
  Scaled scaled{.image = image, .classes = classes};
  if (least_ >= 1) return scaled;
  const at::Tensor drawn =
      at::rand({3}, RandomStream(seed_, RandomUse::kPairScale, number - 1), at::kDouble);
  scaled.scale = std::exp(drawn[0].item<double>() * std::log(least_));
  const auto size = static_cast<int>(image.size(-1));
  const int side = std::clamp(static_cast<int>(std::lround(size * scaled.scale)), 2, size);
  const auto offset = [&](int64_t axis) {
    return static_cast<int>(std::lround(drawn[axis].item<double>() * (size - side)));
  };
  const cv::Rect place(offset(1), offset(2), side, side);
  scaled.image = TensorOfImage(ZoomedOut(ImageOfTensor(image), place, cv::INTER_AREA));
  // Classes are numbers already, and travel as they are.
  const at::Tensor rows = classes.contiguous();
  const cv::Mat numbers(size, size, CV_8U, rows.data_ptr<uint8_t>());
  scaled.classes = TensorOfMask(ZoomedOut(numbers, place, cv::INTER_NEAREST_EXACT));
  return scaled;
}

}  // namespace alignflow
