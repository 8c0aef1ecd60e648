#include "worker/data/stored_image.h"

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "absl/strings/str_cat.h"
#include "common/data/format_probes.h"

namespace alignflow {
namespace {

absl::StatusOr<StoredImage> DecodeAs(std::string_view bytes, const ImageHeader& header) {
  switch (header.format) {
    case ImageFormat::kPng:
      return DecodePng(bytes);
    case ImageFormat::kJpeg:
      return DecodeJpeg(bytes);
    case ImageFormat::kBmp:
      return DecodeBmp(bytes, header);
    case ImageFormat::kTiff:
      return DecodeTiff(bytes, header);
    case ImageFormat::kWebp:
      return DecodeWebp(bytes, header);
  }
  return absl::InternalError("an image of no known format");
}

}  // namespace

absl::StatusOr<StoredImage> DecodeStored(std::string_view bytes, const ImageHeader& header) {
  const std::string format(ImageFormatName(header.format));
  absl::StatusOr<StoredImage> image;
  try {
    image = DecodeAs(bytes, header);
  } catch (const std::exception&) {  // OpenCV's, and out of memory
    return DamagedFile(absl::StrCat("the ", format, " is damaged: it cannot be decoded"));
  }
  if (!image.ok()) return image;
  const cv::Mat& samples = image->samples;
  const bool swaps = header.SwapsSides();
  if (samples.cols != (swaps ? header.height : header.width) ||
      samples.rows != (swaps ? header.width : header.height)) {
    return DamagedFile(
        absl::StrCat("the ", format, " is damaged: header and pixels have different sizes"));
  }
  if ((samples.depth() != CV_8U && samples.depth() != CV_16U) || samples.channels() > 4) {
    return DamagedFile(absl::StrCat("the ", format, " has samples of an unknown kind"));
  }
  return image;
}

cv::Mat LookedUp(const StoredImage& stored) {
  cv::Mat table(1, 256, CV_8UC3, cv::Scalar::all(0)), indices, colours;
  for (size_t i = 0; i < stored.palette.size() && i < 256; ++i) {
    table.at<cv::Vec3b>(static_cast<int>(i)) = stored.palette[i];
  }
  cv::cvtColor(stored.samples, indices, cv::COLOR_GRAY2BGR);
  cv::LUT(indices, table, colours);
  return colours;
}

cv::Mat Oriented(const cv::Mat& pixels, int orientation) {
  constexpr int kUpsideDown = 0, kLeftToRight = 1, kBoth = -1;  // cv::flip's codes
  // A matrix of its own: a square one would else be transposed in place, under its other owners.
  cv::Mat transposed, turned;
  if (orientation >= 5) {
    cv::transpose(pixels, transposed);
  } else {
    transposed = pixels;
  }
  switch (orientation) {
    case 2:  // mirrored
    case 6:  // to be turned a quarter to the right
      cv::flip(transposed, turned, kLeftToRight);
      return turned;
    case 3:  // upside down
    case 7:  // mirrored about the other diagonal
      cv::flip(transposed, turned, kBoth);
      return turned;
    case 4:  // mirrored upside down
    case 8:  // to be turned a quarter to the left
      cv::flip(transposed, turned, kUpsideDown);
      return turned;
    default:  // 1; 5 is the transposition alone
      return transposed;
  }
}

}  // namespace alignflow
