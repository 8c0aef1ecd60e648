#include "worker/data/image_decode.h"

#include <bit>
#include <cstdint>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "absl/strings/str_format.h"
#include "worker/data/stored_image.h"

namespace alignflow {
namespace {

absl::Status Named(std::string_view name, const absl::Status& status) {
  return absl::Status(status.code(),
                      absl::StrFormat("%s: %s", name, std::string(status.message())));
}

// BGR of any stored channels.
cv::Mat ToBgr(const cv::Mat& samples) {
  cv::Mat bgr;
  if (samples.channels() == 2) {
    cv::extractChannel(samples, bgr, 0);
    cv::cvtColor(bgr, bgr, cv::COLOR_GRAY2BGR);
  } else if (samples.channels() == 1) {
    cv::cvtColor(samples, bgr, cv::COLOR_GRAY2BGR);
  } else if (samples.channels() == 4) {
    cv::cvtColor(samples, bgr, cv::COLOR_BGRA2BGR);
  } else {
    bgr = samples;
  }
  return bgr;
}

}  // namespace

int SampleBits(int greatest_sample) {
  return greatest_sample == 0 ? kAllSampleBits
                              : std::bit_width(static_cast<unsigned>(greatest_sample));
}

absl::StatusOr<DecodedFile> ReadImage(std::string_view bytes, std::string_view name,
                                      int sample_bits) {
  absl::StatusOr<ProbedFile> probed = ProbeFile(bytes, FileRole::kImage);
  if (!probed.ok()) return Named(name, probed.status());
  const absl::StatusOr<StoredImage> stored = DecodeStored(bytes, probed->header);
  if (!stored.ok()) return Named(name, stored.status());
  DecodedFile file{{}, std::move(probed->header), probed->notes, 0};
  cv::Mat image = stored->palette.empty() ? ToBgr(stored->samples) : LookedUp(*stored);
  if (image.depth() == CV_16U) {
    double greatest = 0;
    cv::minMaxLoc(image.reshape(1), nullptr, &greatest);
    file.greatest_sample = static_cast<int>(greatest);
    const int white = (1 << sample_bits) - 1;
    if (file.greatest_sample > white) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "%s: it has a sample of %d, but the set was said to use %d bits (at most %d); push or "
          "send the whole set again, so that its depth is found anew",
          name, file.greatest_sample, sample_bits, white));
    }
    image.convertTo(image, CV_8U, 255.0 / white);
  }
  file.pixels = Oriented(image, file.header.orientation);
  return file;
}

absl::StatusOr<cv::Mat> DecodeImage(std::string_view bytes, std::string_view name,
                                    int sample_bits) {
  absl::StatusOr<DecodedFile> file = ReadImage(bytes, name, sample_bits);
  if (!file.ok()) return file.status();
  return std::move(file->pixels);
}

absl::StatusOr<cv::Mat> DecodeMask(std::string_view bytes, std::string_view name,
                                   const LabelTable* labels) {
  absl::StatusOr<DecodedFile> file = ReadMask(bytes, name, labels);
  if (!file.ok()) return file.status();
  return std::move(file->pixels);
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

absl::StatusOr<std::string> EncodeMask(const cv::Mat& values, const LabelTable& labels) {
  if (!labels.coloured()) return EncodePng(values);
  cv::Mat coloured(values.size(), CV_8UC3);
  for (int row = 0; row < values.rows; ++row) {
    for (int column = 0; column < values.cols; ++column) {
      const uint32_t colour = labels.ColourOf(labels.ClassOf(values.at<uint8_t>(row, column)));
      coloured.at<cv::Vec3b>(row, column) =
          cv::Vec3b(colour & 0xff, colour >> 8 & 0xff, colour >> 16);
    }
  }
  return EncodePng(coloured);
}

}  // namespace alignflow
