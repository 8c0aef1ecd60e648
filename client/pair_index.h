#ifndef ALIGNFLOW_CLIENT_PAIR_INDEX_H_
#define ALIGNFLOW_CLIENT_PAIR_INDEX_H_

#include <filesystem>
#include <vector>

#include "absl/status/status.h"
#include "client/pair_format.h"

namespace alignflow {

// Writes the file that tells a training program what a folder of pairs holds, whole or not at all:
//   nnunet       dataset.json of nnU-Net v2: channel names, labels, numTraining, file ending
//   imagefolder  labels.txt: the name of class 0 (the background), 1, 2, ..., a line each
//   coco         annotations/instances.json: an annotation for each connected structure (eight
//                neighbours) of a label; its pixels as compressed run lengths, area and bbox of
//                these
// Nothing for kFolder and kDicom. `pairs`: those that are in the folder, in order. DataLoss: a mask
// is damaged.
absl::Status WritePairIndex(PairFormat format, PairContent content,
                            const std::filesystem::path& folder, const std::vector<int>& pairs,
                            const LabelTable& labels);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_PAIR_INDEX_H_
