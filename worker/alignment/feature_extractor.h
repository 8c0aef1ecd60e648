#ifndef ALIGNFLOW_WORKER_ALIGNMENT_FEATURE_EXTRACTOR_H_
#define ALIGNFLOW_WORKER_ALIGNMENT_FEATURE_EXTRACTOR_H_

#include <ATen/ATen.h>

#include <cstdint>

namespace alignflow {

// Pooled image features on which distributions are compared.
class FeatureExtractor {
 public:
  virtual ~FeatureExtractor() = default;
  // d, the width of a feature vector; the d of the polynomial kernel.
  virtual int64_t width() const = 0;
  // image: [B,3,H,W] RGB in [-1,1]. Returns [B,d] float32; differentiable with respect to the
  // image.
  virtual at::Tensor Features(const at::Tensor& image) const = 0;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_ALIGNMENT_FEATURE_EXTRACTOR_H_
