#ifndef ALIGNFLOW_CLIENT_SENT_FILES_H_
#define ALIGNFLOW_CLIENT_SENT_FILES_H_

#include <vector>

#include "absl/status/status.h"
#include "client/upload.h"
#include "worker/data/image_folder.h"

namespace alignflow {

// The coordinator's answer to what was sent from a folder, with the paths of the files instead of
// what it knows them by: "manifest.items[3] 'a', mask", "spec.references[0].stem", "blob 1f3...".
// The code is kept.
absl::Status WithPaths(const absl::Status& status, const std::vector<FolderItem>& items,
                       const DescribedFolder& files);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_SENT_FILES_H_
