#ifndef ALIGNFLOW_WORKER_ALIGNMENT_EFFICIENTNET_FEATURES_H_
#define ALIGNFLOW_WORKER_ALIGNMENT_EFFICIENTNET_FEATURES_H_

#include <memory>

#include "worker/alignment/feature_extractor.h"
#include "worker/alignment/standardisation.h"
#include "worker/models/efficientnet/efficientnet.h"

// Features of a frozen EfficientNet-Lite; thread-safe once they are made and fitted.
namespace alignflow {

// What images are classified by: the head's features, pooled, of the image resized bilinearly
// (averaging where it shrinks) to the side that the network was trained on.
class EfficientNetFeatures : public FeatureExtractor {
 public:
  explicit EfficientNetFeatures(std::shared_ptr<const EfficientNet> net) : net_(std::move(net)) {}

  int64_t width() const override { return net_->config().head; }
  at::Tensor Features(const at::Tensor& image) const override;

 private:
  std::shared_ptr<const EfficientNet> net_;
};

// Style at several scales, within the field of view: the mean of every channel of every level and
// the log variance of those of all levels but the last, standardised as the FilterBank's are. The
// image is taken as large as it is.
class EfficientNetStyle : public FeatureExtractor {
 public:
  explicit EfficientNetStyle(std::shared_ptr<const EfficientNet> net);

  // As Standardisation's, from Raw of source images.
  void Fit(const at::Tensor& raw) { standardisation_.Fit(raw); }
  // Before standardisation; both: [B,3,H,W] to [B,d].
  at::Tensor Raw(const at::Tensor& image) const;
  at::Tensor Features(const at::Tensor& image) const override {
    return standardisation_.Apply(Raw(image));
  }
  int64_t width() const override { return standardisation_.width(); }

 private:
  std::shared_ptr<const EfficientNet> net_;
  Standardisation standardisation_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_ALIGNMENT_EFFICIENTNET_FEATURES_H_
