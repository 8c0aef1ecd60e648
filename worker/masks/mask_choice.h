#ifndef ALIGNFLOW_WORKER_MASKS_MASK_CHOICE_H_
#define ALIGNFLOW_WORKER_MASKS_MASK_CHOICE_H_

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "worker/masks/mask_cleanup.h"
#include "worker/sets/image_set.h"

namespace alignflow {

// Pooled features of masks uint8 [B,S,S]: the share of each class but the background in each of
// 8 x 8 tiles, [B, (K-1) 64] float. S must be a multiple of 8.
at::Tensor MaskFeatures(const at::Tensor& classes, int64_t count);

// Cosine similarity of two masks' features [d]; 1 where both are empty, 0 where one is.
double MaskSimilarity(const at::Tensor& a, const at::Tensor& b);

// The real masks of a dataset, by which new ones are cleaned, refused and compared. Immutable and
// thread-safe.
class RealMasks {
 public:
  // masks: those of a prepared set, with their digests; of its tensors the rows asked about are
  // read, and the digests. rules: learned from these masks.
  RealMasks(const ImageSet& masks, MaskRules rules);

  const MaskRules& rules() const { return rules_; }

  struct Choice {
    at::Tensor mask;         // uint8 [S,S], cleaned; undefined if no candidate may be used
    double similarity = -1;  // to the real mask
  };
  // Of the candidates [C,S,S], the one most similar to real mask `origin` among those that may be
  // used: under the rules, not empty unless that is, and, but for empty ones, equal to no real
  // mask.
  Choice Choose(const at::Tensor& candidates, int64_t origin) const;

  // Where no candidate may be used: real mask `origin` itself, moved until it may be (MovedMask).
  // Throws std::runtime_error if that does not succeed either.
  Choice Moved(int64_t origin, at::Generator random) const;

 private:
  void Consider(const cv::Mat& cleaned, int64_t origin, Choice& best) const;

  int count_;
  MaskRules rules_;
  at::Tensor classes_;
  std::vector<std::string>
      known_;  // digests of the real masks, sorted, that of empty ones left out
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MASKS_MASK_CHOICE_H_
