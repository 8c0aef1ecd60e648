#ifndef ALIGNFLOW_WORKER_METRICS_LINEAR_CLASSIFIER_H_
#define ALIGNFLOW_WORKER_METRICS_LINEAR_CLASSIFIER_H_

#include <ATen/ATen.h>

#include <cstdint>

namespace alignflow {

// Ridge regression of one-hot classes on standardised features, each class of the same weight
// however many samples it has: a linear probe in closed form. Immutable and thread-safe.
class LinearClassifier {
 public:
  // features: float [N,d]; classes: int64 [N], 0 to count - 1. A class without samples is never
  // told. penalty: of the squared coefficients, as a share of the weight of all samples. Throws
  // std::invalid_argument for shapes that do not fit and for no samples.
  LinearClassifier(const at::Tensor& features, const at::Tensor& classes, int64_t count,
                   double penalty = 0.1);

  // The likeliest class of each: int64 [M]. features: float [M,d].
  at::Tensor Classify(const at::Tensor& features) const;

 private:
  at::Tensor mean_, scale_, coefficients_, offset_;  // double [d], [d], [d,K], [K]
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_METRICS_LINEAR_CLASSIFIER_H_
