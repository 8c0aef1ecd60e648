#include "worker/alignment/skl.h"

#include <stdexcept>

namespace alignflow {

at::Tensor SymmetricKl(const at::Tensor& x, const at::Tensor& y) {
  if (x.size(0) < 1 || y.size(0) < 1) {
    throw std::invalid_argument("SKL needs at least 1 generated and 1 reference image");
  }
  const at::Tensor p = x.mean(0).log_softmax(0), q = y.mean(0).log_softmax(0);
  return ((p.exp() - q.exp()) * (p - q)).sum() / 2;
}

}  // namespace alignflow
