#ifndef ALIGNFLOW_CLIENT_SERVER_WORDS_H_
#define ALIGNFLOW_CLIENT_SERVER_WORDS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/upload.h"
#include "worker/data/image_folder.h"

namespace alignflow {

// The coordinator's messages name the fields and calls of its API, for the programs that use it.
// These make them speak of what a user of afctl gave: files, options and commands.

// "spec.target: ..." as "--target: ...", "ListDatasets names them" as "`afctl dataset list` ...".
std::string InUsersWords(std::string text);

// The same for an answer to what was sent from a folder: "manifest.items[3] 'a', mask" and "blob
// 1f3..." become the paths of the files. The code is kept.
absl::Status InUsersWords(const absl::Status& status, const std::vector<FolderItem>& items,
                          const DescribedFolder& files);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_SERVER_WORDS_H_
