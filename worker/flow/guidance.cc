#include "worker/flow/guidance.h"

#include <stdexcept>

namespace alignflow {
namespace {

at::Tensor Twice(const at::Tensor& tensor) {
  return tensor.defined() ? at::cat({tensor, tensor}) : tensor;
}

}  // namespace

at::Tensor GuidedVelocity::Velocity(const at::Tensor& x, const at::Tensor& t,
                                    const Condition& condition) {
  if (scale_ == 1) return model_.Velocity(x, t, condition);
  if (!condition.mask.defined()) throw std::invalid_argument("guidance by the mask needs a mask");
  at::Tensor empty = at::zeros_like(condition.mask);
  empty.select(1, 0).fill_(1);
  const Condition both{.mask = at::cat({condition.mask, empty}),
                       .class_labels = Twice(condition.class_labels),
                       .context = Twice(condition.context)};
  const std::vector<at::Tensor> velocities = model_.Velocity(Twice(x), Twice(t), both).chunk(2);
  return at::lerp(velocities[1], velocities[0], scale_);
}

}  // namespace alignflow
