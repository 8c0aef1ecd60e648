#ifndef ALIGNFLOW_WORKER_MODELS_VELOCITY_MODEL_H_
#define ALIGNFLOW_WORKER_MODELS_VELOCITY_MODEL_H_

#include <ATen/ATen.h>

namespace alignflow {

// What a velocity depends on besides the point and the time. Undefined tensors mean "without".
struct Condition {
  at::Tensor mask;          // [B,K,H,W] float, one-hot over K classes, at image resolution
  at::Tensor class_labels;  // [B] int64: what each image as a whole shows
  at::Tensor context;       // [B,L,D] text or other tokens for cross-attention
  at::Tensor pooled = {};   // [B,P] the text as one vector, for models that take both
  at::Tensor control = {};  // [B,C,h,w] the mask as a latent, for control branches that look at it
  int64_t no_class = -1;    // the label of images of which nothing is said, where there are labels
};

// The velocity field of a flow from noise (t = 0) to data (t = 1). Guidance is a VelocityModel
// around another.
class VelocityModel {
 public:
  virtual ~VelocityModel() = default;
  // x: [B,C,...] latent; t: [B] in [0,1], float32. Returns dx/dt, the shape of x. Differentiable
  // unless grad mode is off.
  virtual at::Tensor Velocity(const at::Tensor& x, const at::Tensor& t,
                              const Condition& condition) = 0;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_VELOCITY_MODEL_H_
