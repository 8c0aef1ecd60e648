#ifndef ALIGNFLOW_WORKER_PAIRS_REFERENCE_COLOURS_H_
#define ALIGNFLOW_WORKER_PAIRS_REFERENCE_COLOURS_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "worker/tasks/task.h"
#include "worker/transfer/colour_transfer.h"

namespace alignflow {

// The looks of single references, one drawn for each pair. Moments of all references together would
// be no reference's: what differs between them would count as spread within, and Reinhard's
// transfer would drive highlights into colours that none of them shows. Immutable.
class ReferenceColours {
 public:
  // moments: of each reference. Throws TaskError without one.
  ReferenceColours(std::vector<ColourMoments> moments, uint64_t seed);
  // Of the references that a task learns from, at `side` pixels (or voxels), of which none is kept.
  static ReferenceColours Of(TaskContext& context, const TaskSpec& spec, int64_t side);

  // The reference that is drawn for a pair.
  int64_t DrawnFor(int64_t pair) const;
  // Reinhard's transfer of images [B,3,H,W] in [-1,1] to one reference's moments.
  at::Tensor Recoloured(const at::Tensor& images, int64_t reference) const;

 private:
  uint64_t seed_;
  std::vector<ColourMoments> moments_;
};

// The reference, one of `count`, that is drawn for a pair: from the seed and its number alone.
int64_t ReferenceDrawnFor(int64_t pair, int64_t count, uint64_t seed);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_PAIRS_REFERENCE_COLOURS_H_
