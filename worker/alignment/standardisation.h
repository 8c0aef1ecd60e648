#ifndef ALIGNFLOW_WORKER_ALIGNMENT_STANDARDISATION_H_
#define ALIGNFLOW_WORKER_ALIGNMENT_STANDARDISATION_H_

#include <ATen/ATen.h>

#include <cstdint>

namespace alignflow {

// Puts d features on one scale, that of the source images: z = (raw - mean) / deviation, bounded
// softly to a norm of 2 sqrt(d), z / sqrt(1 + |z|^2/(4 d)), without which the cubic kernel of the
// MMD explodes on images unlike the source's. Thread-safe once fitted.
class Standardisation {
 public:
  // Before it is fitted: mean 0, deviation 1.
  explicit Standardisation(int64_t width);
  // With what Fit has found before, [d] each, on the device of the features. Throws
  // std::invalid_argument for shapes that differ.
  Standardisation(at::Tensor mean, at::Tensor deviation);

  // raw: [N,d] of source images, N >= 2; deviations are at least 1e-3. Throws std::invalid_argument
  // for fewer.
  void Fit(const at::Tensor& raw);
  // raw: [B,d]. Returns [B,d]; differentiable.
  at::Tensor Apply(const at::Tensor& raw) const;

  int64_t width() const { return mean_.size(0); }
  const at::Tensor& mean() const { return mean_; }
  const at::Tensor& deviation() const { return deviation_; }

 private:
  at::Tensor mean_, deviation_;  // [d]
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_ALIGNMENT_STANDARDISATION_H_
