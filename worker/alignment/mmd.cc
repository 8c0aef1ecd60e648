#include "worker/alignment/mmd.h"

#include <stdexcept>

namespace alignflow {
namespace {

// Mean of k(a_i,a_j) over i != j.
at::Tensor MeanOfOthers(const at::Tensor& features) {
  const at::Tensor kernel = PolynomialKernel(features, features);
  const int64_t count = features.size(0);
  return (kernel.sum() - kernel.trace()) / static_cast<double>(count * (count - 1));
}

}  // namespace

at::Tensor PolynomialKernel(const at::Tensor& a, const at::Tensor& b) {
  return (at::mm(a, b.t()) / static_cast<double>(a.size(1)) + 1).pow(3);
}

at::Tensor UnbiasedMmd(const at::Tensor& x, const at::Tensor& y) {
  if (x.size(0) < 2) {
    throw std::invalid_argument("MMD needs at least 2 generated images in a batch");
  }
  if (y.size(0) < 1) throw std::invalid_argument("MMD needs at least 1 reference image");
  const at::Tensor mmd = MeanOfOthers(x) - 2 * PolynomialKernel(x, y).mean();
  return y.size(0) == 1 ? mmd : mmd + MeanOfOthers(y);
}

}  // namespace alignflow
