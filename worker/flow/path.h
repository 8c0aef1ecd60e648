#ifndef ALIGNFLOW_WORKER_FLOW_PATH_H_
#define ALIGNFLOW_WORKER_FLOW_PATH_H_

#include <ATen/ATen.h>

namespace alignflow {

// t: [B]; returns it as [B,1,...,1] with the number of dimensions of `x`, to be multiplied with it.
inline at::Tensor TimeLike(const at::Tensor& t, const at::Tensor& x) {
  std::vector<int64_t> shape(x.dim(), 1);
  shape[0] = t.size(0);
  return t.view(shape);
}

// The straight path from noise (t = 0) to data (t = 1): x_t = t x1 + (1-t) eps.
// data, noise: [B,...]; t: [B] in [0,1].
inline at::Tensor PathPoint(const at::Tensor& data, const at::Tensor& noise, const at::Tensor& t) {
  return at::lerp(noise, data, TimeLike(t, data));
}

// Its velocity, the same at all times: x1 - eps. What a velocity model is trained to answer.
inline at::Tensor PathVelocity(const at::Tensor& data, const at::Tensor& noise) {
  return data - noise;
}

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_FLOW_PATH_H_
