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
// pictures or volumes, read anew from their files at that size. A picture in its square, or a
// volume in its cube, takes the same part of it at both sizes but for the rounding to whole pixels;
// what was made of it is enlarged from part to part. Used from the task's thread.
class PairDetail {
 public:
  // Throws TaskError with InvalidArgument where pairs would be smaller than what the task works at.
  // source: the prepared set whose masks the pairs have. It must outlive this.
  PairDetail(TaskContext& context, const TaskSpec& spec, const ImageSet& source);

  // Whether pairs are larger than what the task works at. If not, nothing is read.
  bool enlarges() const { return enlarges_; }
  int64_t side() const { return side_; }
  // How many items may be read together: of volumes one, as large as it is.
  int64_t together() const;

  // Reads these items of the source and forgets those of before. Throws as ManifestOf and
  // DecodeDataset do.
  void Read(const std::vector<int64_t>& items);

  struct Picture {
    at::Tensor image;    // uint8 [3,L,L] or [1,L,L,L]: of the source as its prepared set has it,
                         // but larger
    at::Tensor classes;  // uint8 [L,L] or [L,L,L]
  };
  // One of those that were read last.
  const Picture& Of(int64_t item) const { return pictures_.at(item); }

  // A large picture of an item with what was changed in its small version: large + enlarged
  // (changed - small), so that it keeps what is finer than that. large: float [1,C,L,L] or
  // [1,C,L,L,L]; small and changed: of S, all in [-1,1]. Returns large's shape, in [-1,1].
  at::Tensor WithChange(int64_t item, const at::Tensor& large, const at::Tensor& small,
                        const at::Tensor& changed) const;
  // What was made for an item's mask or one like it, enlarged: no finer than it was. image: uint8
  // [C,S,S] or [C,S,S,S]; classes: uint8 [S,S] or [S,S,S].
  at::Tensor EnlargedImageOf(int64_t item, const at::Tensor& image) const;
  at::Tensor EnlargedClassesOf(int64_t item, const at::Tensor& classes) const;

 private:
  // The part of a square, or a cube, that an item takes.
  struct Part {
    std::vector<int64_t> first, size;
    at::Tensor Of(at::Tensor planes) const;  // a view; its last axes are the square's
  };
  Part PartAt(int64_t item, int64_t side) const;

  TaskContext& context_;
  const ImageSet& source_;
  PictureUse use_;
  int64_t made_at_, side_;
  bool enlarges_ = false;
  std::map<int64_t, Picture> pictures_;
};

// Images [B,C,h,w] or [B,C,d,h,w] in [-1,1] at another size: bicubic, of volumes linear.
at::Tensor EnlargedImage(const at::Tensor& image, at::IntArrayRef size);
// Classes uint8 [h,w] or [d,h,w] at another size: each pixel of the class that interpolation
// between the pixels' centres finds most of, so that outlines have no steps.
at::Tensor EnlargedClasses(const at::Tensor& classes, at::IntArrayRef size);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_PAIRS_PAIR_DETAIL_H_
