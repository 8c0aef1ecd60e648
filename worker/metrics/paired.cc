#include "worker/metrics/paired.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <stdexcept>

#include "worker/metrics/students_t.h"

namespace alignflow {
namespace {

constexpr int64_t kChunk = 64;  // scores at a time: [64,I,C] numbers

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

// A spread of a score over what it was sampled from.
struct ScoreSpread {
  double variance = 0;  // of the score
  double degrees = 0;   // of freedom; 0: there is a single one, so nothing is known
};

// From the scores without one run, or without one group, each: [N].
ScoreSpread SpreadOf(const at::Tensor& without_one) {
  const at::Tensor values = without_one.masked_select(without_one.isfinite());
  const auto count = static_cast<double>(values.size(0));
  if (count < 2) return {};
  const double squares = (values - values.mean()).square().sum().item<double>();
  return {squares * (count - 1) / count, count - 1};
}

ScoreSpread SpreadOfRuns(const at::Tensor& scores) {
  const int64_t runs = scores.size(0);
  return SpreadOf(WeightedScores(scores, 1 - at::eye(runs, at::kDouble),
                                 at::ones({runs, scores.size(1)}, at::kDouble)));
}

// Leaves out one group at a time, kChunk of them together.
ScoreSpread SpreadOfGroups(const at::Tensor& scores, const at::Tensor& groups) {
  const int64_t count = groups.max().item<int64_t>() + 1;
  std::vector<at::Tensor> values;
  for (int64_t first = 0; first < count; first += kChunk) {
    const at::Tensor left_out = at::arange(first, std::min(first + kChunk, count), at::kLong);
    const at::Tensor images = left_out.unsqueeze(1).ne(groups.unsqueeze(0)).to(at::kDouble);
    values.push_back(
        WeightedScores(scores, at::ones({images.size(0), scores.size(0)}, at::kDouble), images));
  }
  return SpreadOf(at::cat(values));
}

// The t intervals whose widest counts.
std::vector<ScoreSpread> SpreadsOf(const at::Tensor& scores, const at::Tensor& groups) {
  std::vector<ScoreSpread> spreads;
  for (const ScoreSpread& one : {SpreadOfRuns(scores), SpreadOfGroups(scores, groups)}) {
    if (one.degrees > 0) spreads.push_back(one);
  }
  if (spreads.size() < 2) return spreads;
  const ScoreSpread &runs = spreads[0], &images = spreads[1];
  const double sum = runs.variance + images.variance;
  if (sum <= 0) return spreads;
  const double degrees = sum * sum /
                         (runs.variance * runs.variance / runs.degrees +
                          images.variance * images.variance / images.degrees);
  spreads.push_back({sum, degrees});
  return spreads;
}

Interval IntervalOf(const std::vector<ScoreSpread>& spreads, double value) {
  double half = 0;
  for (const ScoreSpread& one : spreads) {
    half = std::max(half, std::sqrt(one.variance) * TwoSidedQuantile(0.05, one.degrees));
  }
  return {value - half, value + half};
}

double PValueOf(const std::vector<ScoreSpread>& spreads, double value) {
  if (spreads.empty() || value == 0) return 1;
  double p = 0;
  for (const ScoreSpread& one : spreads) {
    p = std::max(p, TwoSidedPValue(value / std::sqrt(one.variance), one.degrees));
  }
  return p;
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

MeanScore ScoreOfRuns(const at::Tensor& scores, const at::Tensor& groups) {
  Check(scores, groups);
  MeanScore score{.value = Score(scores), .interval = {}};
  score.interval = IntervalOf(SpreadsOf(scores, groups), score.value);
  return score;
}

PairedGain CompareRuns(const at::Tensor& before, const at::Tensor& after,
                       const at::Tensor& groups) {
  Check(before, groups);
  if (before.sizes() != after.sizes()) {
    throw std::invalid_argument("scores can only be compared run by run and image by image");
  }
  const at::Tensor gain = after - before;
  PairedGain out{.value = Score(gain), .interval = {}};
  const std::vector<ScoreSpread> spreads = SpreadsOf(gain, groups);
  out.interval = IntervalOf(spreads, out.value);
  out.p_value = PValueOf(spreads, out.value);
  out.runs = gain.size(0);
  out.groups = groups.max().item<int64_t>() + 1;
  return out;
}

std::vector<double> HolmCorrected(const std::vector<double>& p_values) {
  std::vector<size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, {}, [&](size_t i) { return p_values[i]; });
  std::vector<double> corrected(p_values.size());
  double least = 0;
  for (size_t rank = 0; rank < order.size(); ++rank) {
    const double p = static_cast<double>(order.size() - rank) * p_values[order[rank]];
    least = std::max(least, std::min(1.0, p));
    corrected[order[rank]] = least;
  }
  return corrected;
}

}  // namespace alignflow
