#include "worker/alignment/stage2/align_data.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace alignflow {

void Rollouts::FinishWith(std::function<void(RolloutPool&)> finish) {
  if (pool_) {
    finish(*pool_);
  } else {
    finish_ = std::move(finish);
  }
}

RolloutPool Rollouts::RolledOut(const AlignData& data, int64_t first, int64_t count) {
  RolloutPool drawn =
      RollOut(*frozen_, data.source, data.spec, first, count, data.unless_cancelled);
  if (finish_) finish_(drawn);
  return drawn;
}

RolloutPool Rollouts::Draw(const AlignData& data, int64_t step, at::Generator random) {
  if (!pool_) return RolledOut(data, step * data.batch, data.batch);
  return Rows(*pool_, at::randint(pool_->size(), {data.batch}, random, at::kLong));
}

RolloutPool Rollouts::First(const AlignData& data, int64_t most) {
  if (pool_) return Rows(*pool_, at::arange(std::min(most, pool_->size()), at::kLong));
  std::vector<RolloutPool> parts;
  for (int64_t first = 0; first < most; first += data.batch) {
    parts.push_back(RolledOut(data, first, std::min(data.batch, most - first)));
  }
  return Joined(parts);
}

}  // namespace alignflow
