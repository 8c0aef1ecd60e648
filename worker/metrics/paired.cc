#include "worker/metrics/paired.h"

#include <algorithm>
#include <map>
#include <stdexcept>

namespace alignflow {
namespace {

constexpr int64_t kChunk = 64;  // resamples at a time: [64,I,C] numbers

void Check(const at::Tensor& scores, const at::Tensor& groups) {
  if (scores.dim() != 3 || scores.numel() == 0 || groups.size(0) != scores.size(1)) {
    throw std::invalid_argument("scores must be of at least one run, image and class");
  }
}

// The mean over classes of quotients [.., C], leaving out those that are 0 / 0.
at::Tensor MeanOverClasses(const at::Tensor& sum, const at::Tensor& weight) {
  return at::nanmean(sum / weight, -1);
}

// Scores under weights of the runs [W,R] and of the images [W,I]: [W].
at::Tensor WeightedScores(const at::Tensor& scores, const at::Tensor& runs,
                          const at::Tensor& images) {
  const int64_t count = scores.size(1), classes = scores.size(2);
  const at::Tensor known = scores.isnan().logical_not().to(at::kDouble).flatten(1);
  const at::Tensor sum = at::mm(runs, scores.nan_to_num(0).flatten(1));
  const at::Tensor weight = at::mm(runs, known);
  const at::Tensor counts = weight.gt(0).to(at::kDouble);
  const at::Tensor mean =
      (sum / weight.clamp_min(1e-300) * counts).view({-1, count, classes});  // over runs
  const at::Tensor wide = images.unsqueeze(2);
  return MeanOverClasses((mean * wide).sum(1), (counts.view({-1, count, classes}) * wide).sum(1));
}

double Score(const at::Tensor& scores) {
  return WeightedScores(scores, at::ones({1, scores.size(0)}, at::kDouble),
                        at::ones({1, scores.size(1)}, at::kDouble))
      .item<double>();
}

// Scores under draws of runs and groups: [resamples], without those that miss every image that
// counts.
at::Tensor DrawnScores(const at::Tensor& scores, const at::Tensor& groups, int64_t resamples,
                       at::Generator generator) {
  const int64_t group_count = groups.max().item<int64_t>() + 1;
  const at::Tensor runs = CountsOfRows(ResampleRows(resamples, scores.size(0), generator));
  const at::Tensor images =
      CountsOfRows(ResampleRows(resamples, group_count, generator)).index_select(1, groups);
  std::vector<at::Tensor> values;
  for (int64_t i = 0; i < resamples; i += kChunk) {
    values.push_back(
        WeightedScores(scores, runs.slice(0, i, i + kChunk), images.slice(0, i, i + kChunk)));
  }
  const at::Tensor all = at::cat(values);
  return all.masked_select(all.isfinite());
}

Interval IntervalOf(const at::Tensor& draws, double value) {
  return draws.size(0) < 2 ? Interval{value, value} : PercentileInterval(draws, value);
}

// Twice the share of the draws, shifted as for the interval, that lie on the other side of 0.
double PValueOf(const at::Tensor& draws, double value) {
  if (draws.size(0) < 2) return 1;
  const at::Tensor shifted = draws + (value - draws.mean().item<double>());
  const double beyond =
      (value > 0 ? shifted.le(0) : shifted.ge(0)).sum().item<double>() + 1;  // and the one seen
  return std::min(1.0, 2 * beyond / static_cast<double>(draws.size(0) + 1));
}

}  // namespace

at::Tensor GroupNumbers(const std::vector<std::string>& groups) {
  std::vector<int64_t> numbers;
  std::map<std::string, int64_t> known;
  int64_t next = 0;
  for (const std::string& group : groups) {
    if (group.empty()) {
      numbers.push_back(next++);
    } else if (const auto [found, added] = known.try_emplace(group, next); added) {
      numbers.push_back(next++);
    } else {
      numbers.push_back(found->second);
    }
  }
  return at::tensor(numbers, at::kLong);
}

MeanScore ScoreOfRuns(const at::Tensor& scores, const at::Tensor& groups, int64_t resamples,
                      at::Generator generator) {
  Check(scores, groups);
  MeanScore score{.value = Score(scores), .interval = {}};
  score.interval = IntervalOf(DrawnScores(scores, groups, resamples, generator), score.value);
  return score;
}

PairedGain CompareRuns(const at::Tensor& before, const at::Tensor& after, const at::Tensor& groups,
                       int64_t resamples, at::Generator generator) {
  Check(before, groups);
  if (before.sizes() != after.sizes()) {
    throw std::invalid_argument("scores can only be compared run by run and image by image");
  }
  const at::Tensor gain = after - before;
  PairedGain out{.value = Score(gain), .interval = {}};
  const at::Tensor draws = DrawnScores(gain, groups, resamples, generator);
  out.interval = IntervalOf(draws, out.value);
  out.p_value = PValueOf(draws, out.value);
  out.groups = groups.max().item<int64_t>() + 1;
  return out;
}

}  // namespace alignflow
