#ifndef ALIGNFLOW_SERVER_SERVICES_IMAGE_CHECK_H_
#define ALIGNFLOW_SERVER_SERVICES_IMAGE_CHECK_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "alignflow/v1/blobs.pb.h"
#include "common/data/image_rule.h"
#include "server/blobs/blob_store.h"

namespace alignflow {

// Whether whoever asks may refer to a blob; empty: to each.
using OwnsBlob = std::function<absl::StatusOr<bool>(const std::string& sha256)>;

// Looks at the header of an uploaded image, a picture or a volume, by the rule that afctl has asked
// as well (image_rule.h, volume_probe.h), which has looked at the rest, too. No more of the file is
// read: its bytes were checked against their digest when they came, and workers check each picture
// before they use it. `what` names item and field, and stands before every message. InvalidArgument
// for a malformed digest, a size that is not the blob's, or a file that the rule refuses;
// FailedPrecondition for a blob that has not been written, or is not theirs.
absl::StatusOr<ImageHeader> CheckImage(BlobStore& blobs, const v1::Digest& digest, FileRole role,
                                       const std::string& what, const OwnsBlob& owns = {});

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_IMAGE_CHECK_H_
