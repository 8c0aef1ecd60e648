#ifndef ALIGNFLOW_WORKER_TRAINING_EPOCH_ORDER_H_
#define ALIGNFLOW_WORKER_TRAINING_EPOCH_ORDER_H_

#include <ATen/ATen.h>

#include "worker/training/random_stream.h"

namespace alignflow {

// An endless order of `count` items: one random permutation after another, so that every item is
// seen equally often. Position p depends on (seed, use, p) only. Not thread-safe.
class EpochOrder {
 public:
  EpochOrder(int64_t count, uint64_t seed, RandomUse use);

  // The items at positions first, ..., first + size - 1: int64 [size].
  at::Tensor Items(int64_t first, int64_t size);

 private:
  const at::Tensor& Epoch(int64_t number);

  int64_t count_;
  uint64_t seed_;
  RandomUse use_;
  int64_t cached_ = -1;  // the number of the epoch kept in permutation_
  at::Tensor permutation_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_TRAINING_EPOCH_ORDER_H_
