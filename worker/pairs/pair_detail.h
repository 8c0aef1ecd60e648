#ifndef ALIGNFLOW_WORKER_PAIRS_PAIR_DETAIL_H_
#define ALIGNFLOW_WORKER_PAIRS_PAIR_DETAIL_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <vector>

#include "worker/sets/dataset_decode.h"
#include "worker/sets/image_set.h"
#include "worker/tasks/task.h"

namespace alignflow {

// The side in pixels of the pairs that a task hands out: its setting `pairs.size`, or, where that
// is 0 or not there, the size that the task works at.
int64_t PairSide(const TaskSpec& spec);

// What pairs that are handed out larger than the task works at are made of: the source's own
// pictures, read anew from their files at that size. Used from the task's thread.
class PairDetail {
 public:
  // Throws TaskError with InvalidArgument where pairs would be smaller than what the task works at.
  // source: the prepared set whose masks the pairs have. It must outlive this.
  PairDetail(TaskContext& context, const TaskSpec& spec, const ImageSet& source);

  // Whether pairs are larger than what the task works at. If not, nothing is read.
  bool enlarges() const { return enlarges_; }
  int64_t side() const { return side_; }

  // Reads these items of the source and forgets those of before. Throws as ManifestOf and
  // DecodeDataset do.
  void Read(const std::vector<int64_t>& items);

  struct Picture {
    at::Tensor image;    // uint8 [3,L,L]: of the source as its prepared set has it, but larger
    at::Tensor classes;  // uint8 [L,L]
  };
  // One of those that were read last.
  const Picture& Of(int64_t item) const { return pictures_.at(item); }

 private:
  TaskContext& context_;
  const ImageSet& source_;
  PictureUse use_;
  int64_t side_;
  bool enlarges_ = false;
  std::map<int64_t, Picture> pictures_;
};

// A large picture with what was changed in its small version: large + enlarged (changed - small),
// so that it keeps what is finer than that. large: float [1,C,L,L]; small and changed: float
// [1,C,S,S], all in [-1,1]. Returns [1,C,L,L] in [-1,1].
at::Tensor WithChange(const at::Tensor& large, const at::Tensor& small, const at::Tensor& changed);

// A picture [1,C,S,S] in [-1,1] at L pixels a side: bicubic, no finer than it was.
at::Tensor EnlargedImage(const at::Tensor& image, int64_t side);
// Classes uint8 [S,S] at L pixels a side: each pixel of the class that interpolation between the
// pixels' centres finds most of, so that outlines have no steps.
at::Tensor EnlargedClasses(const at::Tensor& classes, int64_t side);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_PAIRS_PAIR_DETAIL_H_
