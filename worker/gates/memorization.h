#ifndef ALIGNFLOW_WORKER_GATES_MEMORIZATION_H_
#define ALIGNFLOW_WORKER_GATES_MEMORIZATION_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "worker/alignment/feature_extractor.h"

namespace alignflow {

// What memorization knows of a set of images.
struct ImageDescriptors {
  at::Tensor pictures;  // float [N,256], RankPictures
  at::Tensor features;  // float [N,d], of an extractor
};

// 16x16 pictures of ranks of images [B,3,S,S] in [-1,1], S >= 16 (std::invalid_argument): the rank
// of each pixel's luma among its picture's, [B,256], scaled to zero mean and unit variance where
// all differ.
at::Tensor RankPictures(const at::Tensor& images);

// How near the images of a set come to their nearest others: medians, each with a least value.
struct MemorizationUnits {
  double pixel = 1, feature = 1, distance = 1;
};
// Over all images of a set, N >= 2 (or std::invalid_argument is thrown), or, of a set of more than
// 1,000, over 1,000 equally spaced ones, each held against all: time grows with N, not with its
// square. Memory is bounded. The result does not depend on the number of threads.
// `between` is called often and may throw.
MemorizationUnits MeasureUnits(
    const ImageDescriptors& source, const std::function<void()>& between = [] {});

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
  // Set 0 is the source, described by the extractor, which works on `device`.
  MemorizationIndex(std::shared_ptr<const FeatureExtractor> extractor, at::Device device,
                    ImageDescriptors source, const MemorizationUnits& units);
  // Adds set 1, 2, ... of at least one image: uint8 [N,3,S,S] RGB.
  void Add(const at::Tensor& images);

  // One answer a row of images, uint8 [B,3,S,S].
  std::vector<NearestImage> Nearest(const at::Tensor& images, int64_t set) const;

 private:
  ImageDescriptors Describe(const at::Tensor& images) const;

  std::shared_ptr<const FeatureExtractor> extractor_;
  at::Device device_;
  MemorizationUnits units_;
  std::vector<ImageDescriptors> sets_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_GATES_MEMORIZATION_H_
