#ifndef ALIGNFLOW_WORKER_PAIRS_PAIR_SCALE_H_
#define ALIGNFLOW_WORKER_PAIRS_PAIR_SCALE_H_

#include <ATen/ATen.h>

#include <cstdint>

#include "worker/tasks/task.h"

namespace alignflow {

// Shows pairs from farther away, as the setting `framing.least_scale` says: each at a scale of its
// own, drawn between that and 1, so that structures become as small as they are where a scanner's
// field is wider or its endoscope keeps its distance. What comes into sight around an image that is
// there is the view itself, mirrored at its borders, in image and mask alike; around a mask that is
// still to get an image there is background, which the model paints.
class PairScale {
 public:
  explicit PairScale(const TaskSpec& spec);

  struct Scaled {
    at::Tensor image;    // uint8 [3,S,S]
    at::Tensor classes;  // uint8 [S,S]
    double scale = 1;
  };
  // image and classes likewise, of a view. Depends on the task's seed and the pair's number alone.
  // Whole pictures (framing=none) stay as they are.
  Scaled Apply(int64_t number, const at::Tensor& image, const at::Tensor& classes) const;
  // A mask before its image is made; `image` stays undefined. A mask of which nothing would be left
  // stays as it is.
  Scaled OfMask(int64_t number, const at::Tensor& classes) const;

 private:
  struct Place;  // where in the view it is shown
  Place PlaceOf(int64_t number, int64_t size) const;

  double least_ = 1;
  uint64_t seed_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_PAIRS_PAIR_SCALE_H_
