#ifndef ALIGNFLOW_COMMON_DATA_IMAGE_PROBE_H_
#define ALIGNFLOW_COMMON_DATA_IMAGE_PROBE_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// What an image file says about itself, read without decoding it. The coordinator calls this on
// bytes that nobody has vouched for: every read is bounds-checked, nothing is allocated, and the
// time is linear in the bytes. Needs absl only. All functions here are thread-safe.
namespace alignflow {

enum class ImageFormat { kPng, kJpeg, kBmp, kTiff };

struct ImageHeader {
  ImageFormat format = ImageFormat::kPng;
  int64_t width = 0;   // pixels, >= 1
  int64_t height = 0;  // pixels, >= 1
  int channels = 0;    // as stored: 1 to 4; a PNG palette counts as 3
  int bits = 0;        // per channel
};

// Limits of CheckImageSize: a picture beyond them is a decompression bomb or a mistake.
inline constexpr int kMaxImageSide = 65535;
inline constexpr int64_t kMaxImagePixels = int64_t{64} << 20;
inline constexpr int64_t kMaxImageFileBytes = int64_t{256} << 20;

// "PNG", "JPEG", "BMP" or "TIFF".
std::string_view ImageFormatName(ImageFormat format);

// The header of a PNG, JPEG, BMP or TIFF file. InvalidArgument, saying what is wrong, if the bytes
// are none of these or the header is cut short or contradicts its format. The pixel data is not
// looked at.
absl::StatusOr<ImageHeader> ProbeImage(std::string_view bytes);

// InvalidArgument if the file or the picture that it declares is larger than the limits above.
absl::Status CheckImageSize(const ImageHeader& header, int64_t file_bytes);

// Whether the file is there to its end: PNG chunks with their CRCs up to IEND, JPEG markers up to
// EOI, BMP and TIFF pixel data within the file. Decoders happily return half a picture of a
// truncated file, so this is asked before decoding. InvalidArgument, saying what is missing or
// damaged. Bytes after the end of the picture are allowed.
absl::Status CheckImageComplete(std::string_view bytes);

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_DATA_IMAGE_PROBE_H_
