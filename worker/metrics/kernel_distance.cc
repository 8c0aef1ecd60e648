#include "worker/metrics/kernel_distance.h"

#include <stdexcept>
#include <vector>

#include "worker/alignment/mmd.h"

namespace alignflow {
namespace {

// Means over pairs of different members by selection: [R]. 0 where a selection has but one member.
at::Tensor WithinMean(const at::Tensor& kernel, const at::Tensor& counts) {
  const at::Tensor squares = counts.square();
  const at::Tensor sum =
      (at::mm(counts, kernel) * counts).sum(1) - at::mv(squares, kernel.diagonal());
  const at::Tensor pairs = counts.sum(1).square() - squares.sum(1);
  return at::where(pairs > 0, sum / pairs.clamp_min(1), at::zeros_like(sum));
}

at::Tensor AcrossMean(const at::Tensor& kernel, const at::Tensor& counts_x,
                      const at::Tensor& counts_y) {
  return (at::mm(counts_x, kernel) * counts_y).sum(1) / (counts_x.sum(1) * counts_y.sum(1));
}

// [subsets,members] with `size` ones in each row.
at::Tensor RandomSubsets(int64_t subsets, int64_t members, int64_t size, at::Generator generator) {
  const at::Tensor order = at::rand({subsets, members}, generator, at::kDouble).argsort(int64_t{1});
  at::Tensor chosen = at::zeros({subsets, members}, at::kDouble);
  return chosen.scatter_(1, order.slice(1, 0, size), 1.0);
}

}  // namespace

KernelDistance::KernelDistance(const at::Tensor& x, const at::Tensor& y) {
  if (x.size(0) < 2 || y.size(0) < 1) {
    throw std::invalid_argument("a kernel distance needs at least 2 images and 1 to compare with");
  }
  const at::Tensor a = x.to(at::kDouble), b = y.to(at::kDouble);
  xx_ = PolynomialKernel(a, a);
  xy_ = PolynomialKernel(a, b);
  yy_ = PolynomialKernel(b, b);
}

double KernelDistance::Value() const {
  return Values(at::ones({1, size_x()}, at::kDouble), at::ones({1, size_y()}, at::kDouble))
      .item<double>();
}

at::Tensor KernelDistance::Values(const at::Tensor& counts_x, const at::Tensor& counts_y) const {
  return WithinMean(xx_, counts_x) + WithinMean(yy_, counts_y) -
         2 * AcrossMean(xy_, counts_x, counts_y);
}

KernelDistance::Spread KernelDistance::OverSubsets(int64_t subsets, int64_t size,
                                                   at::Generator generator) const {
  const at::Tensor x = RandomSubsets(subsets, size_x(), size, generator);
  const at::Tensor y = RandomSubsets(subsets, size_y(), size, generator);
  const at::Tensor values = Values(x, y);
  return {values.mean().item<double>(), values.std(/*unbiased=*/false).item<double>()};
}

double SameDistributionPValue(const at::Tensor& x, const at::Tensor& y, int64_t permutations,
                              at::Generator generator) {
  const at::Tensor both = at::cat({x, y}).to(at::kDouble);
  const at::Tensor kernel = PolynomialKernel(both, both);
  const int64_t count = both.size(0);
  at::Tensor in_x = RandomSubsets(permutations + 1, count, x.size(0), generator);
  in_x[0] = (at::arange(count) < x.size(0)).to(at::kDouble);  // the division as it is
  const at::Tensor in_y = 1 - in_x;
  const at::Tensor values =
      WithinMean(kernel, in_x) + WithinMean(kernel, in_y) - 2 * AcrossMean(kernel, in_x, in_y);
  const double as_far = values.ge(values[0] - 1e-12).sum().item<double>();
  return as_far / static_cast<double>(permutations + 1);
}

}  // namespace alignflow
