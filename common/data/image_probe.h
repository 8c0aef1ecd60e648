#ifndef ALIGNFLOW_COMMON_DATA_IMAGE_PROBE_H_
#define ALIGNFLOW_COMMON_DATA_IMAGE_PROBE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// What an image file says about itself, read without decoding it. The coordinator calls this on
// bytes that nobody has vouched for: every read is bounds-checked, nothing grows with what a header
// claims, and the time is linear in the bytes. Whether a file of such a header is read is
// image_rule.h's to say. Needs absl only. All functions here are thread-safe.
//
// Errors are InvalidArgument and read "REASON; REMEDY": each reason has its own remedy.
namespace alignflow {

enum class ImageFormat { kPng, kJpeg, kBmp, kTiff, kWebp };

struct ImageHeader {
  ImageFormat format = ImageFormat::kPng;
  int64_t width = 0;   // pixels, >= 1, after `orientation` has been applied
  int64_t height = 0;  // pixels, >= 1, likewise
  int64_t depth = 0;   // of a volume (volume_probe.h), whose other fields say nothing; 0: a picture
  int channels = 0;    // as stored, alpha among them; a palette's indices are one
  int bits = 0;        // per channel, or of an index
  bool palette = false;  // the one channel holds indices of colours
  bool alpha = false;    // the last channel is transparency
  bool lossy = false;    // values near edges are not those that were stored
  int orientation = 1;   // of EXIF and TIFF: 1 as it is, 2 to 8 turned or mirrored
  int pictures = 1;      // pages or frames, of which the first is read; counted up to kMostPictures
  std::string unread = {};  // what of its coding is not read, such as "CMYK colours"; mostly empty

  bool SwapsSides() const { return orientation >= 5; }
};

inline constexpr int kMostPictures = 100;

// Limits of CheckImageSize: a picture beyond them is a decompression bomb or a mistake.
inline constexpr int kMaxImageSide = 65535;
inline constexpr int64_t kMaxImagePixels = int64_t{64} << 20;
inline constexpr int64_t kMaxImageFileBytes = int64_t{256} << 20;

// "PNG", "JPEG", "BMP", "TIFF" or "WebP".
std::string_view ImageFormatName(ImageFormat format);

// The header of a PNG, JPEG, BMP, TIFF or WebP file. Refused if the bytes are none of these (which
// other format they are is said where it is known) or the header is cut short or contradicts its
// format. The pixel data is not looked at.
absl::StatusOr<ImageHeader> ProbeImage(std::string_view bytes);

// Refused if the file or the picture that it declares is larger than the limits above.
absl::Status CheckImageSize(const ImageHeader& header, int64_t file_bytes);

// Whether the file is there to its end: PNG chunks with their CRCs up to IEND, JPEG markers up to
// EOI, WebP chunks, BMP and TIFF pixel data within the file. Decoders happily return half a picture
// of a truncated file, so this is asked before decoding. Refused, saying what is missing or
// damaged. Bytes after the end of the picture are allowed.
absl::Status CheckImageComplete(std::string_view bytes);

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_DATA_IMAGE_PROBE_H_
