#include "worker/metrics/linear_classifier.h"

#include <stdexcept>

namespace alignflow {
namespace {

constexpr double kLeastDeviation = 1e-6;

}  // namespace

LinearClassifier::LinearClassifier(const at::Tensor& features, const at::Tensor& classes,
                                   int64_t count, double penalty) {
  if (features.dim() != 2 || features.size(0) == 0 ||
      classes.sizes() != at::IntArrayRef{features.size(0)}) {
    throw std::invalid_argument("a classifier takes features [N,d] and N classes, N at least 1");
  }
  const at::Tensor all = features.to(at::kCPU, at::kDouble);
  const at::Tensor targets = at::one_hot(classes.to(at::kCPU), count).to(at::kDouble);
  const at::Tensor members = targets.sum(0);
  const at::Tensor weights =
      (targets / members.clamp_min(1)).sum(1, /*keepdim=*/true) / members.gt(0).sum();
  mean_ = (weights * all).sum(0);
  scale_ = (weights * (all - mean_).square()).sum(0).sqrt().clamp_min(kLeastDeviation);
  const at::Tensor standard = (all - mean_) / scale_;
  offset_ = (weights * targets).sum(0);
  const at::Tensor weighted = (weights * standard).t();
  const at::Tensor gram =
      weighted.matmul(standard) + penalty * at::eye(standard.size(1), standard.options());
  coefficients_ = at::linalg_solve(gram, weighted.matmul(targets - offset_));
  offset_ = at::where(members.gt(0), offset_, -1e9);
}

at::Tensor LinearClassifier::Classify(const at::Tensor& features) const {
  const at::Tensor standard = (features.to(at::kCPU, at::kDouble) - mean_) / scale_;
  return (standard.matmul(coefficients_) + offset_).argmax(1);
}

}  // namespace alignflow
