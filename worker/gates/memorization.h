#ifndef ALIGNFLOW_WORKER_GATES_MEMORIZATION_H_
#define ALIGNFLOW_WORKER_GATES_MEMORIZATION_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "worker/alignment/feature_extractor.h"

namespace alignflow {

// The real image that an image is closest to.
struct NearestImage {
  int64_t item = 0;  // its row in the set
  double ratio = 0;  // distance over the median distance of the source's images to their nearest
};

// How near images come to real ones, in units of how near the source's own images come to each
// other: 0 for a copy, about 1 for an image as new as any other.
//
// The distance of two images is p sqrt(min(1, f)).
//   p, in pixel space: root mean square difference of 16x16 pictures of luma's ranks, the least
//   over the four mirrorings, over the median p of the source's nearest images. Ranks do not change
//   with brightness, contrast or tone curve and hardly with the colours that make up luma, so
//   neither recolouring nor mirroring hides a copy, which has p near 0.
//   f: distance of features, over the same median of its own. It lessens the distance of images
//   that are close in both, such as a copy that is shifted a little. Features know style and not
//   layout, so they never raise a distance, nor alone make two images near.
// The unit is the source's, whatever set is asked about: the references are often frames of one
// video, hardly different from each other. Immutable but for Add, and thread-safe if it is over.
class MemorizationIndex {
 public:
  // Set 0. source: uint8 [N,3,S,S] RGB, N >= 2 and S >= 16, or std::invalid_argument is thrown. The
  // extractor works on `device`.
  MemorizationIndex(std::shared_ptr<const FeatureExtractor> extractor, at::Device device,
                    const at::Tensor& source);
  // Adds set 1, 2, ... of at least one image.
  void Add(const at::Tensor& images);

  // One answer a row of images, uint8 [B,3,S,S].
  std::vector<NearestImage> Nearest(const at::Tensor& images, int64_t set) const;

 private:
  struct Set {
    at::Tensor pictures;  // float [N,256]
    at::Tensor features;  // float [N,d]
  };

  Set Describe(const at::Tensor& images) const;
  at::Tensor Distances(const Set& from, const Set& to) const;

  std::shared_ptr<const FeatureExtractor> extractor_;
  at::Device device_;
  std::vector<Set> sets_;
  double pixel_unit_ = 1, feature_unit_ = 1, unit_ = 1;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_GATES_MEMORIZATION_H_
