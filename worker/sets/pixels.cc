#include "worker/sets/pixels.h"

namespace alignflow {
namespace {

cv::Mat ShapeOfTensor(const at::Tensor& shape) {
  const at::Tensor values = shape.mul(255).contiguous();
  return cv::Mat(static_cast<int>(values.size(0)), static_cast<int>(values.size(1)), CV_8U,
                 values.data_ptr())
      .clone();
}

}  // namespace

at::Tensor TensorOfImage(const cv::Mat& bgr) {
  const cv::Mat whole = bgr.isContinuous() ? bgr : bgr.clone();
  return at::from_blob(whole.data, {whole.rows, whole.cols, 3}, at::kByte)
      .permute({2, 0, 1})
      .flip(0)
      .contiguous();
}

cv::Mat ImageOfTensor(const at::Tensor& rgb) {
  const at::Tensor bgr = rgb.flip(0).permute({1, 2, 0}).contiguous();
  return cv::Mat(static_cast<int>(bgr.size(0)), static_cast<int>(bgr.size(1)), CV_8UC3,
                 bgr.data_ptr())
      .clone();
}

at::Tensor TensorOfMask(const cv::Mat& mask) {
  const cv::Mat whole = mask.isContinuous() ? mask : mask.clone();
  return at::from_blob(whole.data, {whole.rows, whole.cols}, at::kByte).clone();
}

cv::Mat MaskOfTensor(const at::Tensor& classes, const LabelTable& labels) {
  const at::Tensor values = classes.contiguous();
  cv::Mat mask = cv::Mat(static_cast<int>(values.size(0)), static_cast<int>(values.size(1)), CV_8U,
                         values.data_ptr())
                     .clone();
  labels.ToValues(std::span<uint8_t>(mask.data, mask.total()));
  return mask;
}

View ViewOfRow(const ViewRows& row) {
  const auto place = [&](int64_t i) { return static_cast<int>(row.places[i].item<int64_t>()); };
  const auto channel = [&](int64_t i) { return row.borders[i].item<uint8_t>(); };
  return {.width = place(0),
          .height = place(1),
          .box = {place(2), place(3), place(4), place(5)},
          .shape = ShapeOfTensor(row.shapes),
          .border = {channel(2), channel(1), channel(0)}};
}

}  // namespace alignflow
