#ifndef ALIGNFLOW_SERVER_SERVICES_IMAGE_CHECK_H_
#define ALIGNFLOW_SERVER_SERVICES_IMAGE_CHECK_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "alignflow/v1/blobs.pb.h"
#include "common/data/image_probe.h"
#include "server/blobs/blob_store.h"

namespace alignflow {

// Looks at an uploaded image without decoding it: format, size, and whether it is there to its end.
// `what` names item and field, and stands before every message. InvalidArgument for a malformed
// digest, a size that is not the blob's, a format that is not read, a damaged file, or more than 64
// megapixels or 256 MiB; FailedPrecondition for a blob that has not been written.
absl::StatusOr<ImageHeader> CheckImage(BlobStore& blobs, const v1::Digest& digest,
                                       const std::string& what);

// That a mask fits its image: the same size, one channel, lossless.
absl::Status CheckMaskFits(const ImageHeader& mask, const ImageHeader& image,
                           const std::string& what);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_IMAGE_CHECK_H_
