#include "worker/metrics/bootstrap.h"

#include <algorithm>
#include <stdexcept>

namespace alignflow {

at::Tensor ResampleRows(int64_t resamples, int64_t members, at::Generator generator) {
  if (members < 1) throw std::invalid_argument("a bootstrap needs at least 1 image");
  return at::randint(0, members, {resamples, members}, generator, at::kLong);
}

at::Tensor CountsOfRows(const at::Tensor& rows) {
  at::Tensor counts = at::zeros(rows.sizes(), at::kDouble);
  return counts.scatter_add_(1, rows, at::ones(rows.sizes(), at::kDouble));
}

Interval PercentileInterval(const at::Tensor& values, double value) {
  if (values.size(0) < 2) throw std::invalid_argument("an interval needs at least 2 resamples");
  const at::Tensor wide = values.to(at::kDouble);
  const at::Tensor ends = at::quantile(wide, at::tensor({0.025, 0.975}, at::kDouble));
  const double shift = value - wide.mean().item<double>();
  // A lopsided or constant figure must not lie beside its interval.
  return {std::min(ends[0].item<double>() + shift, value),
          std::max(ends[1].item<double>() + shift, value)};
}

Interval IntervalOfMean(const at::Tensor& by_image, int64_t resamples, at::Generator generator) {
  const at::Tensor wide = by_image.to(at::kDouble);
  const at::Tensor rows = ResampleRows(resamples, wide.size(0), generator);
  return PercentileInterval(wide.index({rows}).mean(1), wide.mean().item<double>());
}

at::Tensor ResampleFigure(const std::function<double(const at::Tensor&, const at::Tensor&)>& figure,
                          const at::Tensor& x, const at::Tensor& y, int64_t resamples,
                          at::Generator generator) {
  const at::Tensor rows_x = ResampleRows(resamples, x.size(0), generator);
  const at::Tensor rows_y = ResampleRows(resamples, y.size(0), generator);
  at::Tensor values = at::empty({resamples}, at::kDouble);
  for (int64_t i = 0; i < resamples; ++i) {
    values[i] = figure(x.index_select(0, rows_x[i]), y.index_select(0, rows_y[i]));
  }
  return values;
}

}  // namespace alignflow
