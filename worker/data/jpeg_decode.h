#ifndef ALIGNFLOW_WORKER_DATA_JPEG_DECODE_H_
#define ALIGNFLOW_WORKER_DATA_JPEG_DECODE_H_

#include <opencv2/core/mat.hpp>
#include <string_view>

#include "absl/status/statusor.h"

namespace alignflow {

// The pixels of a JPEG, 8 bits, one channel (grey) or three (BGR). libjpeg is asked directly
// because OpenCV drops its warnings: damaged entropy-coded data would come back as a picture with a
// smear. InvalidArgument with the reason for damaged data and for colour models other than grey,
// RGB and YCbCr. The caller has checked the size. Thread-safe.
absl::StatusOr<cv::Mat> DecodeJpeg(std::string_view bytes);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DATA_JPEG_DECODE_H_
