#include "worker/flow/guidance.h"

#include <stdexcept>
#include <vector>

namespace alignflow {
namespace {

at::Tensor Twice(const at::Tensor& tensor) {
  return tensor.defined() ? at::cat({tensor, tensor}) : tensor;
}

// The class labels, and as many that say nothing.
at::Tensor WithNone(const Condition& condition) {
  const at::Tensor& labels = condition.class_labels;
  if (!labels.defined()) return labels;
  return at::cat({labels, at::full_like(labels, condition.no_class)});
}

}  // namespace

void DropConditions(Condition& condition, double share, at::Generator& random) {
  if (share == 0) return;
  std::vector<int64_t> per_sample(condition.mask.dim(), 1);
  per_sample[0] = condition.mask.size(0);
  const at::Tensor kept = at::rand({per_sample[0]}, random).ge(share);
  condition.mask = condition.mask * kept.view(per_sample).to(condition.mask.options());
  if (condition.class_labels.defined()) {
    condition.class_labels = condition.class_labels.masked_fill(
        kept.logical_not().to(condition.class_labels.device()), condition.no_class);
  }
}

at::Tensor GuidedVelocity::Velocity(const at::Tensor& x, const at::Tensor& t,
                                    const Condition& condition) {
  if (scale_ == 1) return model_.Velocity(x, t, condition);
  if (!condition.mask.defined()) throw std::invalid_argument("guidance by the mask needs a mask");
  const Condition both{.mask = at::cat({condition.mask, at::zeros_like(condition.mask)}),
                       .class_labels = WithNone(condition),
                       .context = Twice(condition.context)};
  const std::vector<at::Tensor> velocities = model_.Velocity(Twice(x), Twice(t), both).chunk(2);
  return at::lerp(velocities[1], velocities[0], scale_);
}

}  // namespace alignflow
