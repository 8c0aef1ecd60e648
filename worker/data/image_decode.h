#ifndef ALIGNFLOW_WORKER_DATA_IMAGE_DECODE_H_
#define ALIGNFLOW_WORKER_DATA_IMAGE_DECODE_H_

#include <opencv2/core/mat.hpp>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Encoded bytes to pixels and back. `name` is what errors call the file. PNG, JPEG, BMP and TIFF; a
// file that is damaged, cut short or beyond the limits of image_probe.h is refused with
// InvalidArgument before any pixel is allocated. All functions are thread-safe.
namespace alignflow {

// BGR, 8 bits. Grey becomes three equal channels, 16 bits are scaled to 8, alpha is dropped. An
// EXIF orientation is ignored on purpose: the mask has none, and the two must stay aligned.
absl::StatusOr<cv::Mat> DecodeImage(std::string_view bytes, std::string_view name);

// One channel, 8 bits, grey values as stored: a mask with 16 bits is refused, and one with several
// channels is accepted only where they are equal (alpha aside). A palette is looked up first.
absl::StatusOr<cv::Mat> DecodeMask(std::string_view bytes, std::string_view name);

// PNG bytes of an 8-bit image (BGR) or mask (one channel); the same bytes for the same pixels.
absl::StatusOr<std::string> EncodePng(const cv::Mat& image);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DATA_IMAGE_DECODE_H_
