#ifndef ALIGNFLOW_WORKER_ALIGNMENT_SLICE_FEATURES_H_
#define ALIGNFLOW_WORKER_ALIGNMENT_SLICE_FEATURES_H_

#include <array>
#include <cstdint>
#include <memory>
#include <utility>

#include "worker/alignment/feature_extractor.h"

// Volumes as pictures of slices in the three planes, for what looks at pictures.
namespace alignflow {

// The axial, the coronal and the sagittal slice of each volume through a place, side by side, as
// radiologists look at them: rows go down from the front (axial) or from the top, and columns to
// the patient's left, which is the viewer's right. volumes: [...,S,S,S], up, front and right;
// through: by these axes. Returns [...,S,3S]; differentiable.
at::Tensor SlicesSideBySide(const at::Tensor& volumes, const std::array<int64_t, 3>& through);

// Features of volumes by an extractor of pictures: the mean of those of three pictures of three
// slices each, through 3/8, 1/2 and 5/8 of every side, each grey value on all of R, G and B. So
// generated volumes and references are looked at in the same places, with masks or without.
// Thread-safe if the extractor is.
class SliceFeatures : public FeatureExtractor {
 public:
  explicit SliceFeatures(std::shared_ptr<const FeatureExtractor> of_pictures)
      : of_pictures_(std::move(of_pictures)) {}

  int64_t width() const override { return of_pictures_->width(); }
  // volumes: [B,1,S,S,S] in [-1,1]. Throws std::invalid_argument for other shapes.
  at::Tensor Features(const at::Tensor& volumes) const override;

 private:
  std::shared_ptr<const FeatureExtractor> of_pictures_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_ALIGNMENT_SLICE_FEATURES_H_
