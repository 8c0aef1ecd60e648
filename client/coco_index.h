#ifndef ALIGNFLOW_CLIENT_COCO_INDEX_H_
#define ALIGNFLOW_CLIENT_COCO_INDEX_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/pair_format.h"

namespace alignflow {

// COCO's instances of the pairs of a folder (see WritePairIndex), written mask by mask: what it
// takes of memory is a mask and some bytes a pair.
absl::Status WriteCocoIndex(const std::filesystem::path& index, const std::filesystem::path& folder,
                            const std::vector<int>& pairs, const LabelTable& labels);

// Run lengths of a mask in column-major order, beginning with those outside of the structure, as
// COCO's tools store them: each as its difference to the last but one from the fourth on, in
// characters of 5 bits.
std::string CompressedRuns(const std::vector<int64_t>& runs);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_COCO_INDEX_H_
