#include "worker/training/epoch_order.h"

#include <algorithm>
#include <stdexcept>

namespace alignflow {

EpochOrder::EpochOrder(int64_t count, uint64_t seed, RandomUse use)
    : count_(count), seed_(seed), use_(use) {
  if (count < 1) throw std::invalid_argument("an order needs at least one item");
}

const at::Tensor& EpochOrder::Epoch(int64_t number) {
  if (number != cached_) {
    permutation_ = at::randperm(count_, RandomStream(seed_, use_, number), at::kLong);
    cached_ = number;
  }
  return permutation_;
}

at::Tensor EpochOrder::Items(int64_t first, int64_t size) {
  std::vector<at::Tensor> parts;
  for (int64_t position = first; position < first + size;) {
    const int64_t offset = position % count_;
    const int64_t taken = std::min(count_ - offset, first + size - position);
    parts.push_back(Epoch(position / count_).slice(0, offset, offset + taken));
    position += taken;
  }
  return at::cat(parts);
}

}  // namespace alignflow
