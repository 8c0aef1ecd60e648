#ifndef ALIGNFLOW_COMMON_DATA_FORMAT_PROBES_H_
#define ALIGNFLOW_COMMON_DATA_FORMAT_PROBES_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/data/image_probe.h"

// The parts of image_probe.h, one per format, for bytes that begin with the format's signature.
// Headers are as stored: not turned, and judged by the caller.
namespace alignflow {

absl::StatusOr<ImageHeader> ProbePng(std::string_view bytes);   // W3C PNG, third edition
absl::StatusOr<ImageHeader> ProbeJpeg(std::string_view bytes);  // ITU-T T.81, annex B
absl::StatusOr<ImageHeader> ProbeBmp(std::string_view bytes);   // uncompressed and bit fields
absl::StatusOr<ImageHeader> ProbeTiff(std::string_view bytes);  // TIFF 6.0 and BigTIFF
absl::StatusOr<ImageHeader> ProbeWebp(std::string_view bytes);  // RFC 9649

absl::Status CheckPngComplete(std::string_view bytes);
absl::Status CheckJpegComplete(std::string_view bytes);
absl::Status CheckBmpComplete(std::string_view bytes);
absl::Status CheckTiffComplete(std::string_view bytes);
absl::Status CheckWebpComplete(std::string_view bytes);

// The orientation in an EXIF block, 1 to 8; 1 if there is none or it cannot be read. The bytes are
// a TIFF directory, as in PNG, or begin with "Exif\0\0" before it, as in JPEG.
int ExifOrientation(std::string_view exif);
// What stands in files for an orientation, as one of 1 to 8: anything else means none.
int KnownOrientation(uint64_t stored);

// The refusal of a file whose bytes are not what its format says.
absl::Status DamagedFile(std::string_view reason);

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_DATA_FORMAT_PROBES_H_
