#ifndef ALIGNFLOW_WORKER_DATA_STORED_IMAGE_H_
#define ALIGNFLOW_WORKER_DATA_STORED_IMAGE_H_

#include <opencv2/core/mat.hpp>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/data/image_probe.h"

// Pixels as a file holds them. Libraries decode: libpng, libjpeg, libtiff and libwebp are asked
// directly, because OpenCV drops their warnings or prints them, resolves palettes and does not read
// every layout; a BMP is decoded by OpenCV. All of these expect a file that ProbeFile has passed,
// and refuse damage with InvalidArgument, "REASON; REMEDY". Nothing is printed. Thread-safe.
namespace alignflow {

struct StoredImage {
  // 8 or 16 bits, not turned. One channel: grey or palette indices; two: grey and alpha; three:
  // BGR; four: BGR and alpha. Greys of fewer bits are stretched to 0 to 255, indices are not.
  cv::Mat samples;
  std::vector<cv::Vec3b> palette;  // BGR by index; empty where there is none
};

absl::StatusOr<StoredImage> DecodePng(std::string_view bytes);
// Damaged entropy-coded data, which libjpeg only warns of, is refused as well.
absl::StatusOr<StoredImage> DecodeJpeg(std::string_view bytes);
absl::StatusOr<StoredImage> DecodeBmp(std::string_view bytes, const ImageHeader& header);
// The first picture: strips or tiles of any size, channels together or apart.
absl::StatusOr<StoredImage> DecodeTiff(std::string_view bytes, const ImageHeader& header);
absl::StatusOr<StoredImage> DecodeWebp(std::string_view bytes, const ImageHeader& header);

// By the header's format. Also refused: pixels of another size than the header's.
absl::StatusOr<StoredImage> DecodeStored(std::string_view bytes, const ImageHeader& header);

// BGR: the palette's colours in place of indices. An index beyond the palette is black.
cv::Mat LookedUp(const StoredImage& stored);

// The picture as it is to be looked at: turned and mirrored by an orientation of 1 to 8.
cv::Mat Oriented(const cv::Mat& pixels, int orientation);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DATA_STORED_IMAGE_H_
