#include "worker/dicom/transfer_syntax.h"

#include <array>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace alignflow {
namespace {

struct Known {
  std::string_view uid;
  PixelCoding pixels;
  bool explicit_vr = true, big_endian = false, deflated = false;
};
constexpr auto kDecoded = std::to_array<Known>({
    {"1.2.840.10008.1.2", PixelCoding::kNative, false},
    {"1.2.840.10008.1.2.1", PixelCoding::kNative},
    {"1.2.840.10008.1.2.1.99", PixelCoding::kNative, true, false, true},
    {"1.2.840.10008.1.2.2", PixelCoding::kNative, true, true},
    {"1.2.840.10008.1.2.4.50", PixelCoding::kJpeg},       // baseline, 8 bits
    {"1.2.840.10008.1.2.4.51", PixelCoding::kJpeg},       // extended, 12 bits
    {"1.2.840.10008.1.2.4.53", PixelCoding::kJpeg},       // spectral selection
    {"1.2.840.10008.1.2.4.55", PixelCoding::kJpeg},       // progressive
    {"1.2.840.10008.1.2.4.57", PixelCoding::kJpeg},       // lossless
    {"1.2.840.10008.1.2.4.70", PixelCoding::kJpeg},       // lossless, first-order prediction
    {"1.2.840.10008.1.2.4.80", PixelCoding::kJpegLs},     // lossless
    {"1.2.840.10008.1.2.4.81", PixelCoding::kJpegLs},     // near lossless
    {"1.2.840.10008.1.2.4.90", PixelCoding::kJpeg2000},   // lossless
    {"1.2.840.10008.1.2.4.91", PixelCoding::kJpeg2000},   // with loss
    {"1.2.840.10008.1.2.4.201", PixelCoding::kJpeg2000},  // high throughput, lossless
    {"1.2.840.10008.1.2.4.202", PixelCoding::kJpeg2000},  // high throughput, by resolution
    {"1.2.840.10008.1.2.4.203", PixelCoding::kJpeg2000},  // high throughput, with loss
    {"1.2.840.10008.1.2.5", PixelCoding::kRle},
});

// Of others, how users know them.
struct Named {
  std::string_view uid, name;
};
constexpr auto kRefused = std::to_array<Named>({
    {"1.2.840.113619.5.2", "GE private big endian"},
    {"1.2.840.10008.1.2.4.92", "JPEG 2000 part 2, lossless"},
    {"1.2.840.10008.1.2.4.93", "JPEG 2000 part 2"},
    {"1.2.840.10008.1.2.4.94", "JPIP referenced"},
    {"1.2.840.10008.1.2.4.95", "JPIP referenced deflate"},
    {"1.2.840.10008.1.2.4.100", "MPEG-2 main profile, main level"},
    {"1.2.840.10008.1.2.4.101", "MPEG-2 main profile, high level"},
    {"1.2.840.10008.1.2.4.102", "MPEG-4 AVC/H.264 high profile"},
    {"1.2.840.10008.1.2.4.103", "MPEG-4 AVC/H.264 BD-compatible high profile"},
    {"1.2.840.10008.1.2.4.104", "MPEG-4 AVC/H.264 high profile for 2D video"},
    {"1.2.840.10008.1.2.4.105", "MPEG-4 AVC/H.264 high profile for 3D video"},
    {"1.2.840.10008.1.2.4.106", "MPEG-4 AVC/H.264 stereo high profile"},
    {"1.2.840.10008.1.2.4.107", "HEVC/H.265 main profile"},
    {"1.2.840.10008.1.2.4.108", "HEVC/H.265 main 10 profile"},
    {"1.2.840.10008.1.2.4.110", "JPEG XL lossless"},
    {"1.2.840.10008.1.2.4.111", "JPEG XL JPEG recompression"},
    {"1.2.840.10008.1.2.4.112", "JPEG XL"},
    {"1.2.840.10008.1.2.8.1", "deflated image frames"},
});

}  // namespace

absl::StatusOr<TransferSyntax> FindTransferSyntax(std::string_view uid) {
  for (const Known& known : kDecoded) {
    if (known.uid != uid) continue;
    return TransferSyntax{.uid = std::string(uid),
                          .elements = {known.explicit_vr, known.big_endian},
                          .pixels = known.pixels,
                          .deflated = known.deflated};
  }
  std::string name =
      absl::StrCat("transfer syntax ", absl::CHexEscape(std::string(uid.substr(0, 64))));
  for (const Named& named : kRefused) {
    if (named.uid == uid) {
      name = absl::StrCat(std::string(named.name), " (transfer syntax ", std::string(uid), ")");
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the DICOM file is coded as ", name,
                   ", which is not decoded; store it uncompressed, such as with gdcmconv --raw, or "
                   "export its frames as PNG"));
}

}  // namespace alignflow
