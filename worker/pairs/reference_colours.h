#ifndef ALIGNFLOW_WORKER_PAIRS_REFERENCE_COLOURS_H_
#define ALIGNFLOW_WORKER_PAIRS_REFERENCE_COLOURS_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "worker/sets/image_set.h"
#include "worker/transfer/colour_transfer.h"

namespace alignflow {

// The looks of single references, one drawn for each pair. Moments of all references together would
// be no reference's: what differs between them would count as spread within, and Reinhard's
// transfer would drive highlights into colours that none of them shows. Immutable.
class ReferenceColours {
 public:
  // Throws TaskError without a reference.
  ReferenceColours(const ImageSet& references, uint64_t seed);

  // The reference that is drawn for a pair, from the seed and the pair's number alone.
  int64_t DrawnFor(int64_t pair) const;
  // Reinhard's transfer of images [B,3,H,W] in [-1,1] to one reference's moments.
  at::Tensor Recoloured(const at::Tensor& images, int64_t reference) const;

 private:
  uint64_t seed_;
  std::vector<ColourMoments> moments_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_PAIRS_REFERENCE_COLOURS_H_
