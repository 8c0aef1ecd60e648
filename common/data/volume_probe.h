#ifndef ALIGNFLOW_COMMON_DATA_VOLUME_PROBE_H_
#define ALIGNFLOW_COMMON_DATA_VOLUME_PROBE_H_

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/data/image_rule.h"
#include "common/data/nifti_header.h"

// Volumes as AlignFlow stores and hands them out: the canonical header (nifti_header.h) and the
// voxels, packed by gzip. afctl makes this of a user's files on his own machine, so that nothing of
// a header but geometry leaves it; whatever has another form is refused here. Voxels of images are
// int16 or float32, with the window that is shown from black to white in cal_min and cal_max; those
// of masks are uint8, the labels' values. Thread-safe.
namespace alignflow {

// Whether bytes begin as such a file does.
bool IsPackedVolume(std::string_view bytes);

// The header of a file of which the first bytes are given (a few hundred are enough). No more than
// the header is unpacked. InvalidArgument, "REASON; REMEDY", for a file of another form.
absl::StatusOr<NiftiHeader> ProbeVolume(std::string_view beginning, FileRole role);

// Whether the whole file holds as many bytes as its header says, by gzip's own count at its end.
absl::Status CheckVolumeComplete(std::string_view bytes, const NiftiHeader& header);

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_DATA_VOLUME_PROBE_H_
