#include "worker/metrics/paired.h"

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

Interval ScoreInterval(const at::Tensor& scores, const at::Tensor& groups, double value,
                       int64_t resamples, at::Generator generator) {
  const int64_t group_count = groups.max().item<int64_t>() + 1;
  const at::Tensor runs = CountsOfRows(ResampleRows(resamples, scores.size(0), generator));
  const at::Tensor images =
      CountsOfRows(ResampleRows(resamples, group_count, generator)).index_select(1, groups);
  std::vector<at::Tensor> values;
  for (int64_t i = 0; i < resamples; i += kChunk) {
    values.push_back(
        WeightedScores(scores, runs.slice(0, i, i + kChunk), images.slice(0, i, i + kChunk)));
  }
  at::Tensor all = at::cat(values);
  all = all.masked_select(all.isfinite());  // a resample may miss every image that counts
  return all.size(0) < 2 ? Interval{value, value} : PercentileInterval(all, value);
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
  score.interval = ScoreInterval(scores, groups, score.value, resamples, generator);
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
  out.interval = ScoreInterval(gain, groups, out.value, resamples, generator);

  // One number a group: the sum of what its images add to the mean.
  const at::Tensor by_image = at::nanmean(gain, /*dim=*/0);  // [I,C]
  const at::Tensor share =
      by_image / by_image.isnan().logical_not().sum(0).to(at::kDouble).clamp_min(1);
  const at::Tensor by_group = at::zeros({groups.max().item<int64_t>() + 1}, at::kDouble)
                                  .index_add_(0, groups, share.nan_to_num(0).sum(1));
  out.groups = by_group.size(0);
  const at::Tensor signs =
      at::randint(0, 2, {resamples, out.groups}, generator, at::kDouble).mul_(2).sub_(1);
  const double observed = std::abs(by_group.sum().item<double>());
  const double as_far = at::mv(signs, by_group).abs().ge(observed - 1e-12).sum().item<double>();
  out.p_value = (1 + as_far) / static_cast<double>(1 + resamples);
  return out;
}

}  // namespace alignflow
