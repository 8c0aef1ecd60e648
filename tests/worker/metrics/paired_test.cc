#include "worker/metrics/paired.h"

#include <gtest/gtest.h>

namespace alignflow {
namespace {

constexpr int64_t kResamples = 500;

at::Generator Seeded(uint64_t seed) { return at::detail::createCPUGenerator(seed); }
at::Tensor Uniform(int64_t runs, int64_t images, int64_t classes, uint64_t seed) {
  return at::rand({runs, images, classes}, Seeded(seed), at::kDouble);
}
at::Tensor Alone(int64_t images) { return at::arange(images, at::kLong); }

TEST(PairedTest, AClearGainIsFoundAndItsSignIsKept) {
  const at::Tensor before = Uniform(3, 50, 1, 1);
  const at::Tensor after = before + 0.1 + 0.05 * Uniform(3, 50, 1, 2);
  const PairedGain gain = CompareRuns(before, after, Alone(50), kResamples, Seeded(3));
  EXPECT_NEAR(gain.value, 0.125, 0.01);
  EXPECT_GT(gain.interval.low, 0);
  EXPECT_LT(gain.p_value, 0.01);
  const PairedGain loss = CompareRuns(after, before, Alone(50), kResamples, Seeded(3));
  EXPECT_NEAR(loss.value, -gain.value, 1e-12);
  EXPECT_LT(loss.interval.high, 0);
}

TEST(PairedTest, NoGainIsNotFound) {
  const PairedGain gain =
      CompareRuns(Uniform(3, 50, 1, 1), Uniform(3, 50, 1, 2), Alone(50), kResamples, Seeded(3));
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
  const PairedGain alone = CompareRuns(before, after, Alone(60), kResamples, Seeded(3));
  const PairedGain grouped =
      CompareRuns(before, after, GroupNumbers(videos), kResamples, Seeded(3));
  EXPECT_EQ(alone.value, grouped.value);
  EXPECT_LT(alone.p_value, 0.05);
  EXPECT_GT(grouped.p_value, 0.1);
  EXPECT_EQ(grouped.groups, 3);
  EXPECT_GT(grouped.interval.high - grouped.interval.low, alone.interval.high - alone.interval.low);
}

TEST(PairedTest, ImagesWithoutAClassDoNotCountForIt) {
  at::Tensor scores = at::full({2, 4, 2}, 0.5, at::kDouble);
  scores.select(2, 1).slice(1, 0, 3).fill_(NAN);  // the second class shows in the last image only
  scores.select(2, 1).select(1, 3).fill_(0.9);
  const MeanScore score = ScoreOfRuns(scores, Alone(4), kResamples, Seeded(1));
  EXPECT_NEAR(score.value, 0.7, 1e-12);
  EXPECT_TRUE(std::isfinite(score.interval.low));
}

TEST(PairedTest, ScoresOfOtherImagesAreRefused) {
  EXPECT_THROW(
      CompareRuns(Uniform(2, 5, 1, 1), Uniform(2, 6, 1, 1), Alone(5), kResamples, Seeded(1)),
      std::invalid_argument);
  EXPECT_THROW(ScoreOfRuns(Uniform(2, 5, 1, 1), Alone(4), kResamples, Seeded(1)),
               std::invalid_argument);
}

}  // namespace
}  // namespace alignflow
