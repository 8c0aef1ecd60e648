#ifndef ALIGNFLOW_WORKER_ALIGNMENT_STAGE2_TRAJECTORY_H_
#define ALIGNFLOW_WORKER_ALIGNMENT_STAGE2_TRAJECTORY_H_

#include <filesystem>

#include "worker/flow/solver.h"
#include "worker/models/backbone.h"
#include "worker/sets/image_set.h"
#include "worker/tasks/task.h"

namespace alignflow {

// Rolled-out trajectories of the frozen stage-1 model with their masks: what stage 2 starts its
// tunable steps from. Depends on the model, the source and the seed, not on the references.
struct RolloutPool {
  at::Tensor states;  // float [P,20-from,C,h,w], of volumes with a dimension more
  at::Tensor
      detail;  // float [P,C,h,w], SourceDetail of each; undefined where they start from noise
  at::Tensor classes;        // uint8 [P,S,S] or [P,S,S,S]
  at::Tensor masks;          // [P,...] encoded by a pretrained model; undefined for others
  at::Tensor image_classes;  // int64 [P], for a model that knows some (ClassesFor); else undefined
  int64_t from = 0;          // index of the first state

  int64_t size() const { return states.size(0); }
};

// The first tunable index that a task's settings lead to: align.start_index, but not before the
// trajectories' own start: noise, or, where the job's model restyles, source images at
// restyle.strength.
int64_t FirstTunableIndex(const TaskSpec& spec);

// Where trajectories start that are made anew with `strength`: x = s x1 + (1-s) eps at the first of
// `times`, with x1 the encoded image; noise: [B,C,h,w]. With strength 1 it is the noise itself.
at::Tensor TrajectoryStart(Backbone& model, const at::Tensor& images, const at::Tensor& noise,
                           const std::vector<double>& times);

// What the model cannot draw of the images that trajectories start from, as latents [B,C,h,w] to
// add to their ends: x1 - x1hat(x_s, s) at s = 19/20, with x1 the encoded images and x_s made with
// the trajectories' own noise. It is the fine texture that a small model smooths away. `model` is
// of stage 1: an aligned one's x1hat has another style. Times restyle.detail; undefined where that
// is 0.
at::Tensor SourceDetail(Backbone& model, const TaskSpec& spec, const at::Tensor& images,
                        const at::Tensor& noise, const Condition& condition);

// The condition on the trajectories' masks and classes.
Condition ConditionOf(const Backbone& model, const RolloutPool& pool);

// Rolls out trajectories number first, ..., first + size - 1 of a seed, whose masks (and images)
// are drawn from the source and, unless the model is pretrained, flipped at random.
RolloutPool RollOut(Backbone& frozen, const ImageSet& source, const TaskSpec& spec, int64_t first,
                    int64_t size, const BeforeStep& before_step);

// The trajectories `rows` (int64), and several pools as one in the CPU's memory.
RolloutPool Rows(const RolloutPool& pool, const at::Tensor& rows);
RolloutPool Joined(const std::vector<RolloutPool>& pools);

// As a safetensors file. Throws std::runtime_error naming the file. What LoadPool returns are views
// of the mapped file; who writes to them changes a copy.
void SavePool(const RolloutPool& pool, const std::filesystem::path& file);
RolloutPool LoadPool(const std::filesystem::path& file);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_ALIGNMENT_STAGE2_TRAJECTORY_H_
