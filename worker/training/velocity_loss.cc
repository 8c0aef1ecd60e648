#include "worker/training/velocity_loss.h"

#include "worker/flow/path.h"

namespace alignflow {

at::Tensor VelocityLoss(VelocityModel& model, const at::Tensor& data, const at::Tensor& noise,
                        const at::Tensor& t, const Condition& condition, bool plain) {
  const at::Tensor velocity = model.Velocity(PathPoint(data, noise, t), t, condition);
  if (plain) return (velocity - PathVelocity(data, noise)).square().mean();
  const at::Tensor weight = (1 - t) / (1 - t).clamp_min(0.07);
  return ((velocity - PathVelocity(data, noise)) * TimeLike(weight, data)).square().mean();
}

at::Tensor DrawTimes(int64_t count, at::Generator generator) {
  return (at::randn({count}, generator) - 0.8).sigmoid();
}

}  // namespace alignflow
