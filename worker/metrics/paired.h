#ifndef ALIGNFLOW_WORKER_METRICS_PAIRED_H_
#define ALIGNFLOW_WORKER_METRICS_PAIRED_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <vector>

#include "worker/metrics/bootstrap.h"

// What segmentation models score on the images of a target dataset, and whether those trained in
// one way score better than those trained in another. Scores: double [R,I,C] of R runs (seeds), I
// images and C classes; NaN where a class does not count for an image. The score of a whole is the
// mean over the images of the runs' means, then over the classes. Images of one group (frames of
// one video) are not independent of one another: they are drawn and permuted together. All
// functions are thread-safe and throw std::invalid_argument for tensors of other shapes.
namespace alignflow {

struct MeanScore {
  double value = 0;   // NaN if no class counts anywhere
  Interval interval;  // bootstrap over runs and groups of images, both drawn with replacement
};

struct PairedGain {
  double value = 0;    // score of `after` less that of `before`, where both are defined
  Interval interval;   // as above; a run of one is paired with the same run of the other
  double p_value = 1;  // two-sided, of the same draws: how often the gain has the other sign
  int64_t groups = 0;  // that count
};

// One number a group: equal texts make a group, an empty text is a group by itself. int64 [I]
at::Tensor GroupNumbers(const std::vector<std::string>& groups);

// groups: int64 [I], as GroupNumbers makes them.
MeanScore ScoreOfRuns(const at::Tensor& scores, const at::Tensor& groups, int64_t resamples,
                      at::Generator generator);
PairedGain CompareRuns(const at::Tensor& before, const at::Tensor& after, const at::Tensor& groups,
                       int64_t resamples, at::Generator generator);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_METRICS_PAIRED_H_
