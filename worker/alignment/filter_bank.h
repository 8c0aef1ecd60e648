#ifndef ALIGNFLOW_WORKER_ALIGNMENT_FILTER_BANK_H_
#define ALIGNFLOW_WORKER_ALIGNMENT_FILTER_BANK_H_

#include <map>
#include <string>

#include "worker/alignment/feature_extractor.h"
#include "worker/alignment/standardisation.h"

namespace alignflow {

// Features from fixed filters, for machines without weights of a pretrained network: distribution
// of the colours, the colours of shadows to highlights, energies of texture by scale and direction,
// and of what repeats as a codec's blocks do, all in opponent colours (luma, red-green,
// yellow-blue) and within the field of view. Style, not layout: a model rewarded for layout learns
// to paint the references' dark frame instead of their colours. Standardised on the source images.
// Image sides must be multiples of 16 and at least 32. Thread-safe once fitted.
class FilterBank : public FeatureExtractor {
 public:
  FilterBank();
  // With what Fit has found before, [d] each, on the device of the images. Throws
  // std::invalid_argument for another d.
  FilterBank(at::Tensor mean, at::Tensor deviation);

  // As Standardisation's, from RawFilterBank of source images.
  void Fit(const at::Tensor& raw) { standardisation_.Fit(raw); }
  const at::Tensor& mean() const { return standardisation_.mean(); }
  const at::Tensor& deviation() const { return standardisation_.deviation(); }

  int64_t width() const override { return standardisation_.width(); }
  // Throws std::invalid_argument for a size it cannot take.
  at::Tensor Features(const at::Tensor& image) const override;
  // The features of images whose raw ones are there already: [B,d].
  at::Tensor Standardised(const at::Tensor& raw) const { return standardisation_.Apply(raw); }

 private:
  Standardisation standardisation_;
};

// The features before standardisation, [B,d]. Differentiable.
at::Tensor RawFilterBank(const at::Tensor& image);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_ALIGNMENT_FILTER_BANK_H_
