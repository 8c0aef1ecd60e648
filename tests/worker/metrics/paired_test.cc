#include "worker/metrics/paired.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

namespace alignflow {
namespace {

at::Generator Seeded(uint64_t seed) { return at::detail::createCPUGenerator(seed); }
at::Tensor Uniform(int64_t runs, int64_t images, int64_t classes, uint64_t seed) {
  return at::rand({runs, images, classes}, Seeded(seed), at::kDouble);
}
at::Tensor Alone(int64_t images) { return at::arange(images, at::kLong); }

TEST(PairedTest, AClearGainIsFoundAndItsSignIsKept) {
  const at::Tensor before = Uniform(3, 50, 1, 1);
  const at::Tensor after = before + 0.1 + 0.05 * Uniform(3, 50, 1, 2);
  const PairedGain gain = CompareRuns(before, after, Alone(50));
  EXPECT_NEAR(gain.value, 0.125, 0.01);
  EXPECT_GT(gain.interval.low, 0);
  EXPECT_LT(gain.p_value, 0.01);
  const PairedGain loss = CompareRuns(after, before, Alone(50));
  EXPECT_NEAR(loss.value, -gain.value, 1e-12);
  EXPECT_LT(loss.interval.high, 0);
}

TEST(PairedTest, NoGainIsNotFound) {
  const PairedGain gain = CompareRuns(Uniform(3, 50, 1, 1), Uniform(3, 50, 1, 2), Alone(50));
  EXPECT_LT(gain.interval.low, 0);
  EXPECT_GT(gain.interval.high, 0);
  EXPECT_GT(gain.p_value, 0.05);
}

TEST(PairedTest, FramesOfOneVideoAreNoIndependentEvidence) {
  // 3 videos of 20 frames, of which one gained and two hardly did.
  const at::Tensor before = at::full({2, 60, 1}, 0.5, at::kDouble);
  at::Tensor after = before + 0.01 * (Uniform(2, 60, 1, 1) - 0.5);
  after.slice(1, 0, 20) += 0.3;
  std::vector<std::string> videos;
  for (int i = 0; i < 60; ++i) videos.push_back("video " + std::to_string(i / 20));
  const PairedGain alone = CompareRuns(before, after, Alone(60));
  const PairedGain grouped = CompareRuns(before, after, GroupNumbers(videos));
  EXPECT_EQ(alone.value, grouped.value);
  EXPECT_GT(grouped.p_value, 0.1);
  EXPECT_EQ(grouped.groups, 3);
  EXPECT_GT(grouped.interval.high - grouped.interval.low, alone.interval.high - alone.interval.low);
}

TEST(PairedTest, OneRunsIntervalIsOfItsImagesAlone) {
  const at::Tensor before = Uniform(1, 50, 1, 1);
  const PairedGain gain = CompareRuns(before, before + 0.1 * Uniform(1, 50, 1, 2), Alone(50));
  EXPECT_EQ(gain.runs, 1);
  EXPECT_GT(gain.interval.low, 0);
  EXPECT_TRUE(std::isfinite(gain.p_value));
}

TEST(PairedTest, RunsThatDifferMakeAGainOfEveryImageUncertain) {
  // Every image gains the same, but one run gained all of it.
  const at::Tensor before = at::full({3, 50, 1}, 0.5, at::kDouble);
  at::Tensor after = before.clone();
  after.select(0, 0) += 0.15;
  const PairedGain gain = CompareRuns(before, after, Alone(50));
  EXPECT_NEAR(gain.value, 0.05, 1e-12);
  EXPECT_LT(gain.interval.low, 0);
  EXPECT_GT(gain.p_value, 0.3);
}

// Gains without a true effect: of runs (in points), of groups of images and of each image.
at::Tensor NoTrueGain(int64_t runs, int64_t groups, int64_t in_group, double run_points,
                      at::Generator random) {
  const auto normal = [&](at::IntArrayRef shape, double points) {
    return at::randn(shape, random, at::kDouble) * (points / 100);
  };
  const at::Tensor of_groups =
      normal({1, groups, 1}, 3).expand({1, groups, in_group}).reshape({1, -1});
  const int64_t images = groups * in_group;
  const at::Tensor gains = normal({runs, 1}, run_points) + of_groups + normal({1, images}, 3) +
                           normal({runs, images}, 8);
  return gains.unsqueeze(2);
}

// Of `trials` with a false alarm in 6 % each, the probability of at most so many alarms.
double ChanceOfSoFew(int alarms, int trials) {
  double sum = 0;
  for (int k = 0; k <= alarms; ++k) {
    sum +=
        std::exp(std::lgamma(trials + 1.0) - std::lgamma(k + 1.0) - std::lgamma(trials - k + 1.0) +
                 k * std::log(0.06) + (trials - k) * std::log(0.94));
  }
  return sum;
}

// Trials end early where alarms are so few that a rate of 6 % would show that in one of 10,000
// cases; otherwise all are made, and at most 6 % may be alarms.
TEST(PairedTest, WithoutATrueGainAtMostSixPercentOfVerdictsAreFalseAlarms) {
  constexpr int kTrials = 1500, kLook = 100;
  at::Generator random = Seeded(11);
  for (const int64_t runs : {3, 5}) {
    for (const int64_t in_group : {1, 6}) {
      constexpr int64_t kGroups = 12;
      std::vector<std::string> names;
      for (int64_t i = 0; i < kGroups * in_group; ++i) {
        names.push_back("video " + std::to_string(i / in_group));
      }
      const at::Tensor groups = GroupNumbers(names);
      for (const double run_points : {2.0, 5.0, 10.0}) {
        int alarms = 0, trials = 0;
        while (trials < kTrials && (trials % kLook != 0 || ChanceOfSoFew(alarms, trials) > 1e-4)) {
          ++trials;
          const at::Tensor gains = NoTrueGain(runs, kGroups, in_group, run_points, random);
          const PairedGain found = CompareRuns(at::zeros_like(gains), gains, groups);
          const bool outside = found.interval.low > 0 || found.interval.high < 0;
          EXPECT_EQ(outside, found.p_value < 0.05);
          alarms += outside ? 1 : 0;
        }
        EXPECT_LE(alarms, 0.06 * trials) << trials << " trials, " << runs << " runs, effects of "
                                         << run_points << " points, " << in_group << " a group";
      }
    }
  }
}

TEST(PairedTest, ATrueGainIsFoundWhereRunsAgree) {
  at::Generator random = Seeded(12);
  int found = 0;
  for (int trial = 0; trial < 200; ++trial) {
    const at::Tensor gains = NoTrueGain(3, 40, 1, 2, random) + 0.1;
    found += CompareRuns(at::zeros_like(gains), gains, Alone(40)).interval.low > 0 ? 1 : 0;
  }
  EXPECT_GT(found, 160) << "ten points against runs that differ by two";
}

TEST(PairedTest, HolmsCorrectionIsThatOfTheTextbook) {
  const std::vector<double> corrected = HolmCorrected({0.01, 0.04, 0.03, 0.005});
  const double expected[] = {0.03, 0.06, 0.06, 0.02};
  ASSERT_EQ(corrected.size(), 4u);
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(corrected[i], expected[i], 1e-12) << i;
  EXPECT_EQ(HolmCorrected({0.6, 0.9}), (std::vector<double>{1, 1}));
  EXPECT_TRUE(HolmCorrected({}).empty());
}

TEST(PairedTest, ImagesWithoutAClassDoNotCountForIt) {
  at::Tensor scores = at::full({2, 4, 2}, 0.5, at::kDouble);
  scores.select(2, 1).slice(1, 0, 3).fill_(NAN);  // the second class shows in the last image only
  scores.select(2, 1).select(1, 3).fill_(0.9);
  const MeanScore score = ScoreOfRuns(scores, Alone(4));
  EXPECT_NEAR(score.value, 0.7, 1e-12);
  EXPECT_TRUE(std::isfinite(score.interval.low));
}

TEST(PairedTest, ScoresOfOtherImagesAreRefused) {
  EXPECT_THROW(CompareRuns(Uniform(2, 5, 1, 1), Uniform(2, 6, 1, 1), Alone(5)),
               std::invalid_argument);
  EXPECT_THROW(ScoreOfRuns(Uniform(2, 5, 1, 1), Alone(4)), std::invalid_argument);
}

}  // namespace
}  // namespace alignflow
