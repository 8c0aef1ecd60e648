#ifndef ALIGNFLOW_WORKER_ALIGNMENT_STAGE2_ALIGN_WATCH_H_
#define ALIGNFLOW_WORKER_ALIGNMENT_STAGE2_ALIGN_WATCH_H_

#include <functional>
#include <map>
#include <string>

#include "worker/alignment/collapse_guard.h"
#include "worker/alignment/stage2/align_data.h"
#include "worker/training/training_curve.h"
#include "worker/training/training_loop.h"

namespace alignflow {

// The collapse guard at work in stage 2: images of the same rollouts at every look, their diversity
// as a share of stage 1's and their alignment to references, as values and curves.
// A state is judged by the mean of its alignment to the left-out references and to the learned
// ones: the left-out ones alone are too few, and the learned ones alone reward what holds for them
// only.
class AlignWatch : public TrainingWatch {
 public:
  // The images that a state makes of the watched rollouts: [W,3,S,S] or [W,1,S,S,S] in [-1,1].
  using Images = std::function<at::Tensor()>;

  // `images` is called at once: its images are stage 1's. Everything must outlive it.
  AlignWatch(const AlignData& data, Images images, TrainingCurve& curve);

  Advice Look(int64_t done) override;
  std::map<std::string, double> values() const override { return values_; }

  // Whether some state was diverse enough to be kept.
  bool found_best() const { return guard_.best_step() >= 0; }
  // Adds to the curve's events what was kept of a run of so many steps.
  void TellEnd(int64_t steps);

  std::string ToJson() const override;
  void Restore(const std::string& json) override;

 private:
  at::Tensor Features() const;  // of `images`, [W,d]

  const AlignData& data_;
  Images images_;
  TrainingCurve& curve_;
  double stage1_diversity_;
  double least_diversity_;
  CollapseGuard guard_;
  bool collapsed_ = false;
  std::map<std::string, double> values_, best_values_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_ALIGNMENT_STAGE2_ALIGN_WATCH_H_
