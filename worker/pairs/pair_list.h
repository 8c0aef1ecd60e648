#ifndef ALIGNFLOW_WORKER_PAIRS_PAIR_LIST_H_
#define ALIGNFLOW_WORKER_PAIRS_PAIR_LIST_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <vector>

#include "common/data/label_table.h"
#include "worker/pairs/pair_frames.h"
#include "worker/pairs/pair_scale.h"
#include "worker/sets/dataset_decode.h"
#include "worker/sets/image_set.h"
#include "worker/tasks/task.h"

namespace alignflow {

// The pairs [first, last] that a task makes, counted from 1. Throws TaskError with InvalidArgument
// unless 1 <= first <= last.
struct PairNumbers {
  int64_t first = 0, last = 0;
};
PairNumbers PairNumbersOf(const TaskSpec& spec);

// Stores a pair's PNGs or volumes, in its frame and as the view that it was made as, and returns
// its line (see common/settings/task_spec.h), ended. shown: image uint8 [3,S,S] or [1,S,S,S],
// classes uint8 [S,S] or [S,S,S], and the scale for the record; item: of `source`; the record has
// "pair".
std::string StorePair(TaskContext& context, const PairFrames& frames, int64_t item,
                      const PairScale::Scaled& shown, const ImageSet& source,
                      nlohmann::json record);

// The pairs of a generate task: JSON lines, see task.h.
struct PairLine {
  int64_t pair = 0;
  std::string image;  // digests of PNGs or volumes; empty in a pair that was left out
  std::string mask;
  std::string view_image;  // likewise of the pair without its frame; empty in pairs without one
  std::string view_mask;
  std::string origin;    // the stem of the source item whose mask it is, or is made after
  std::string left_out;  // why
  std::string record;    // JSON
};

// Throws TaskError with InvalidArgument naming the line that is not a pair.
std::vector<PairLine> ParsePairLines(const std::string& lines);

// The first `most` pairs of the inputs prefix/000001, prefix/000002, ... in order, without those
// left out, at the preset's size: with their frames (kWhole) or as views.
// Their tensors are views of a file in the task's folder. Throws TaskError with InvalidArgument if
// there is none.
struct GeneratedSet {
  ImageSet set;                          // named "pair N"
  std::vector<int64_t> pairs;            // their numbers
  std::vector<std::string> origins;      // stems of the source items whose masks they have
  std::vector<std::string> records;      // provenance, as JSON
  int64_t handed_out = 0, left_out = 0;  // pairs in these inputs, beyond `most` too
};
GeneratedSet LoadPairs(TaskContext& context, const TaskSpec& spec, const std::string& prefix,
                       const LabelTable& labels, PictureUse use, int64_t most);
// Of these pairs those with the numbers, with their frames, at a size.
ImageSet LoadSomePairs(TaskContext& context, const TaskSpec& spec, const std::string& prefix,
                       const LabelTable& labels, const std::set<int64_t>& numbers, int64_t size);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_PAIRS_PAIR_LIST_H_
