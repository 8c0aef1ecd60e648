#ifndef ALIGNFLOW_WORKER_ALIGNMENT_REWARD_H_
#define ALIGNFLOW_WORKER_ALIGNMENT_REWARD_H_

#include <ATen/ATen.h>

#include <string_view>

namespace alignflow {

// The distance between features of generated images and of references that stage 2 lessens.
enum class Reward { kMmd, kSkl };

// "mmd" or "skl", as in align.reward. Throws std::invalid_argument.
Reward RewardNamed(std::string_view name);

// UnbiasedMmd or SymmetricKl of generated: [M,d] to references: [N,d]. A scalar; lower is nearer.
at::Tensor Misalignment(Reward reward, const at::Tensor& generated, const at::Tensor& references);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_ALIGNMENT_REWARD_H_
