#ifndef ALIGNFLOW_WORKER_PAIRS_MASK_LIST_H_
#define ALIGNFLOW_WORKER_PAIRS_MASK_LIST_H_

#include <ATen/ATen.h>

#include <map>
#include <string>

#include "common/data/label_table.h"
#include "worker/tasks/task.h"

namespace alignflow {

// A mask that a masks task has made.
struct GeneratedMask {
  at::Tensor classes;     // uint8 [S,S], classes of the source's labels
  std::string origin;     // stem of the source item that it is made after
  double similarity = 0;  // cosine of pooled features to that item's mask
};

// The masks of one masks task, by the pair that they are for.
class MaskList {
 public:
  void Add(int64_t pair, GeneratedMask mask) { masks_[pair] = std::move(mask); }
  // Null if there is none for the pair.
  const GeneratedMask* Find(int64_t pair) const {
    const auto found = masks_.find(pair);
    return found == masks_.end() ? nullptr : &found->second;
  }

 private:
  std::map<int64_t, GeneratedMask> masks_;
};

// Reads a masks task's output (JSON lines, see task.h) and its PNGs. Throws TaskError:
// InvalidArgument names the line that is no mask, or a pixel that is no label.
MaskList LoadMasks(TaskContext& context, const std::string& digest, const LabelTable& labels);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_PAIRS_MASK_LIST_H_
