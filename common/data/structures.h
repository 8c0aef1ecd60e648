#ifndef ALIGNFLOW_COMMON_DATA_STRUCTURES_H_
#define ALIGNFLOW_COMMON_DATA_STRUCTURES_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

// What the masks of a dataset show, and what is left of it at the size that a preset works at. A
// structure is a connected component (eight neighbours) of one class but the background.
// worker/data/item_facts.h counts them. Pure functions, thread-safe.
namespace alignflow {

// What is left of a class's structures at a size: those of which a pixel is left, and the pixels
// that these have before.
struct KeptStructures {
  int64_t structures = 0;
  int64_t pixels = 0;
  bool operator==(const KeptStructures&) const = default;
};

struct ClassStructures {
  int64_t images = 0;  // that show the class
  int64_t structures = 0;
  int64_t pixels = 0;
  std::map<int, KeptStructures> kept;  // by the side of the preset's square, in pixels
  bool operator==(const ClassStructures&) const = default;
};

struct MaskFacts {
  int64_t images = 0;                              // whose masks were looked at
  int64_t with_structures = 0;                     // of these
  std::map<std::string, ClassStructures> classes;  // by label; one that shows nowhere may be absent
  bool operator==(const MaskFacts&) const = default;
};

// One image's masks, or a whole part, to the sum.
void Add(const MaskFacts& part, MaskFacts& sum);

// As JSON, and back. InvalidArgument for another document, and for counts that can't be: below 0,
// or a part greater than its whole.
std::string MaskFactsJson(const MaskFacts& facts);
absl::StatusOr<MaskFacts> ParseMaskFacts(std::string_view json);

// Whether a preset's size keeps the structures. `sizes`: the presets that there are, with theirs.
enum class Loss { kNone, kSome, kMost };
struct StructureLoss {
  Loss loss = Loss::kNone;
  // "of 412 polyp structures 37 vanish at 64 px; with --preset unet-128 3 vanish"; a class each,
  // joined by "; ". Empty without a loss.
  std::string text;
};
// kMost: of some class more than half of the structures vanish, and more than half of the pixels
// with them (specks beside a large structure are no reason to refuse). Sizes that the facts say
// nothing about lose nothing. Without `sizes` no preset is offered as a remedy.
StructureLoss LossAt(const MaskFacts& facts, int size,
                     const std::vector<std::pair<std::string, int>>& sizes);

// InvalidArgument, with what is lost and the remedy, where no mask shows a structure or where
// LossAt says kMost. `what` begins the message, such as "the source dataset".
absl::Status CheckStructures(const MaskFacts& facts, int size,
                             const std::vector<std::pair<std::string, int>>& sizes,
                             const std::string& what);

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_DATA_STRUCTURES_H_
