#include "worker/alignment/reward.h"

#include <stdexcept>
#include <string>

#include "worker/alignment/mmd.h"
#include "worker/alignment/skl.h"

namespace alignflow {

Reward RewardNamed(std::string_view name) {
  if (name == "mmd") return Reward::kMmd;
  if (name == "skl") return Reward::kSkl;
  throw std::invalid_argument("unknown reward '" + std::string(name) + "': known are mmd and skl");
}

at::Tensor Misalignment(Reward reward, const at::Tensor& generated, const at::Tensor& references) {
  return reward == Reward::kMmd ? UnbiasedMmd(generated, references)
                                : SymmetricKl(generated, references);
}

}  // namespace alignflow
