#include "worker/data/image_decode.h"

#include <cstdint>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "absl/strings/str_format.h"
#include "common/data/image_probe.h"
#include "worker/data/jpeg_decode.h"

namespace alignflow {
namespace {

absl::Status Bad(std::string_view name, std::string_view reason) {
  return absl::InvalidArgumentError(absl::StrFormat(
      "%s: %s; export it again, as PNG with 8 bits, or leave it out", name, reason));
}

// Samples as stored: 8 or 16 bits; one channel, BGR or BGRA.
absl::StatusOr<cv::Mat> DecodeStored(std::string_view bytes, std::string_view name) {
  const auto header = ProbeImage(bytes);
  if (!header.ok()) return Bad(name, std::string(header.status().message()));
  for (const absl::Status& s :
       {CheckImageSize(*header, static_cast<int64_t>(bytes.size())), CheckImageComplete(bytes)}) {
    if (!s.ok()) return Bad(name, std::string(s.message()));
  }
  cv::Mat image;
  if (header->format == ImageFormat::kJpeg) {
    auto decoded = DecodeJpeg(bytes);
    if (!decoded.ok()) return Bad(name, std::string(decoded.status().message()));
    image = *std::move(decoded);
  } else {
    // OpenCV's decoder only reads the bytes, although its interface takes them as a matrix.
    const cv::Mat encoded(1, static_cast<int>(bytes.size()), CV_8U,
                          const_cast<char*>(bytes.data()));
    try {
      image = cv::imdecode(encoded, cv::IMREAD_UNCHANGED);
    } catch (const std::exception&) {
      image.release();
    }
  }
  const std::string format(ImageFormatName(header->format));
  if (image.empty()) return Bad(name, "the " + format + " is damaged: it cannot be decoded");
  if (image.cols != header->width || image.rows != header->height) {
    return Bad(name, "the " + format + " is damaged: header and pixels have different sizes");
  }
  if ((image.depth() != CV_8U && image.depth() != CV_16U) || image.channels() == 2) {
    return Bad(name, "the " + format + " has samples of an unknown kind");
  }
  return image;
}

}  // namespace

absl::StatusOr<cv::Mat> DecodeImage(std::string_view bytes, std::string_view name) {
  absl::StatusOr<cv::Mat> stored = DecodeStored(bytes, name);
  if (!stored.ok()) return stored.status();
  cv::Mat image = *std::move(stored);
  if (image.depth() == CV_16U) image.convertTo(image, CV_8U, 1.0 / 257.0);
  if (image.channels() == 1) cv::cvtColor(image, image, cv::COLOR_GRAY2BGR);
  if (image.channels() == 4) cv::cvtColor(image, image, cv::COLOR_BGRA2BGR);
  return image;
}

absl::StatusOr<cv::Mat> DecodeMask(std::string_view bytes, std::string_view name) {
  absl::StatusOr<cv::Mat> stored = DecodeStored(bytes, name);
  if (!stored.ok()) return stored.status();
  if (stored->depth() != CV_8U) return Bad(name, "the mask has 16 bits, label values have 8");
  if (stored->channels() == 1) return *std::move(stored);
  std::vector<cv::Mat> channels;
  cv::split(*stored, channels);
  for (const int other : {1, 2}) {
    const int different = cv::countNonZero(channels[0] != channels[other]);
    if (different > 0) {
      return Bad(name,
                 absl::StrFormat("the mask is coloured (%d pixels), so its label values are not "
                                 "clear; store it as grey values",
                                 different));
    }
  }
  return channels[0];
}

absl::StatusOr<std::string> EncodePng(const cv::Mat& image) {
  std::vector<uint8_t> bytes;
  try {
    if (cv::imencode(".png", image, bytes)) return std::string(bytes.begin(), bytes.end());
  } catch (const cv::Exception& error) {
    return absl::InternalError(absl::StrFormat("encoding a PNG: %s", error.what()));
  }
  return absl::InternalError("encoding a PNG failed");
}

}  // namespace alignflow
