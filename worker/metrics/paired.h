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
// mean over the images of the runs' means, then over the classes.
//
// Another run would give another score, and so would other images, so both are samples: the
// variance of a score is estimated over runs and over groups of images (frames of one video are one
// group), by leaving out one at a time (jackknife). An interval is the widest of three t intervals:
// over runs with R-1 degrees of freedom, over groups with G-1, and over both, whose variances add
// up, with Satterthwaite's. With fewer than three runs the first would be so wide as to say
// nothing; a single run or group has no spread, so the interval is of the other alone.
// tests/worker/metrics holds the share of false alarms below 6 % for run effects up to 10 points.
//
// Pure, thread-safe, deterministic; throws std::invalid_argument for tensors of other shapes.
namespace alignflow {

struct MeanScore {
  double value = 0;   // NaN if no class counts anywhere
  Interval interval;  // 95 %
};

struct PairedGain {
  double value = 0;    // score of `after` less that of `before`, where both are defined
  Interval interval;   // 95 %, as above; a run of one is paired with the same run of the other
  double p_value = 1;  // two-sided, the largest of the three t tests'
  int64_t runs = 0;
  int64_t groups = 0;
};

// One number a group: equal texts make a group, an empty text is a group by itself. int64 [I]
at::Tensor GroupNumbers(const std::vector<std::string>& groups);

// groups: int64 [I], as GroupNumbers makes them.
MeanScore ScoreOfRuns(const at::Tensor& scores, const at::Tensor& groups);
PairedGain CompareRuns(const at::Tensor& before, const at::Tensor& after, const at::Tensor& groups);

// p-values corrected for their number (Holm 1979), in the order given: where nothing has a true
// effect, at most 5 % of such families have one at or below 0.05.
std::vector<double> HolmCorrected(const std::vector<double>& p_values);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_METRICS_PAIRED_H_
