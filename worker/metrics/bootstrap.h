#ifndef ALIGNFLOW_WORKER_METRICS_BOOTSTRAP_H_
#define ALIGNFLOW_WORKER_METRICS_BOOTSTRAP_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>

// Bootstrap intervals (Efron 1979): a set's images are drawn again and again with replacement, and
// the figure is computed anew. All functions are thread-safe; randomness comes from the generator
// given.
namespace alignflow {

// A 95 % interval.
struct Interval {
  double low = 0;
  double high = 0;
};

// Draws of `members` members with replacement: int64 [resamples,members] of their rows ...
at::Tensor ResampleRows(int64_t resamples, int64_t members, at::Generator generator);
// ... and how often each row was drawn: double [resamples,members].
at::Tensor CountsOfRows(const at::Tensor& rows);

// The 2.5th to 97.5th percentile of a figure's values on resamples, shifted so that their mean is
// the figure's value on the set itself. The shift takes out that a resample shows members twice,
// which raises distances of distributions and lowers diversities. It holds the figure. values: [R],
// R >= 2.
Interval PercentileInterval(const at::Tensor& values, double value);

// Of the mean of figures that each image has by itself. by_image: double [N].
Interval IntervalOfMean(const at::Tensor& by_image, int64_t resamples, at::Generator generator);

// [R]: a figure of two sets of features, whose rows are drawn independently.
at::Tensor ResampleFigure(const std::function<double(const at::Tensor&, const at::Tensor&)>& figure,
                          const at::Tensor& x, const at::Tensor& y, int64_t resamples,
                          at::Generator generator);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_METRICS_BOOTSTRAP_H_
