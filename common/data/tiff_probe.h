#ifndef ALIGNFLOW_COMMON_DATA_TIFF_PROBE_H_
#define ALIGNFLOW_COMMON_DATA_TIFF_PROBE_H_

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/data/image_probe.h"

// The TIFF 6.0 part of image_probe.h, for bytes that begin with TIFF's signature: the first picture
// of the file, which is the one that decoders return. The header's figures are as stored; the
// caller judges them.
namespace alignflow {

absl::StatusOr<ImageHeader> ProbeTiff(std::string_view bytes);
absl::Status CheckTiffComplete(std::string_view bytes);

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_DATA_TIFF_PROBE_H_
