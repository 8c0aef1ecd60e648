#include "worker/alignment/collapse_guard.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "worker/alignment/reference_split.h"

namespace alignflow {
namespace {

using Verdict = CollapseGuard::Verdict;
using Numbers = std::vector<int64_t>;

TEST(CollapseGuardTest, EndsARunThatComesNoNearerAndKnowsItsBestState) {
  CollapseGuard guard({.patience = 2, .least_diversity = 1});
  EXPECT_EQ(guard.Look(0, 5, 2), Verdict::kBest);
  EXPECT_EQ(guard.Look(25, 6, 2), Verdict::kWorse);
  EXPECT_EQ(guard.Look(50, 4, 2), Verdict::kBest);
  EXPECT_EQ(guard.Look(75, 4, 2), Verdict::kWorse);
  EXPECT_EQ(guard.Look(100, 4.5, 2), Verdict::kExhausted);
  EXPECT_EQ(guard.best_step(), 50);
  EXPECT_EQ(guard.best_misalignment(), 4);
}

TEST(CollapseGuardTest, ACollapsedStateIsNeverTheBestHoweverNear) {
  CollapseGuard guard({.patience = 2, .least_diversity = 1});
  EXPECT_EQ(guard.Look(0, 5, 2), Verdict::kBest);
  EXPECT_EQ(guard.Look(25, 0.1, 0.99), Verdict::kCollapsed);
  EXPECT_EQ(guard.best_step(), 0);
  EXPECT_EQ(guard.Look(50, std::nan(""), 2), Verdict::kCollapsed);
  CollapseGuard none({.patience = 2, .least_diversity = 1});
  EXPECT_EQ(none.Look(0, 5, 0), Verdict::kCollapsed);
  EXPECT_EQ(none.best_step(), -1);
}

TEST(CollapseGuardTest, GoesOnAfterAnInterruptionWhereItWas) {
  CollapseGuard guard({.patience = 2, .least_diversity = 1});
  guard.Look(0, 1.0 / 3, 2);
  guard.Look(25, 6, 2);
  CollapseGuard resumed({.patience = 2, .least_diversity = 1});
  resumed.Restore(guard.ToJson());
  EXPECT_EQ(resumed.best_misalignment(), 1.0 / 3);
  EXPECT_EQ(resumed.Look(50, 0.5, 2), Verdict::kExhausted);
  EXPECT_THROW(resumed.Restore("{}"), std::runtime_error);
  EXPECT_EQ(resumed.best_step(), 0);
}

TEST(CollapseGuardTest, ImagesNeedNotBeMoreDiverseThanTheReferences) {
  EXPECT_DOUBLE_EQ(LeastDiversity(0.5, 10, 4, 8), 2);
  EXPECT_DOUBLE_EQ(LeastDiversity(0.5, 4, 10, 8), 2);
  EXPECT_DOUBLE_EQ(LeastDiversity(0.5, 10, 0, 1), 0.5) << "one reference has no diversity";
}

TEST(ReferenceSplitTest, LeftOutReferencesAreEquallySpaced) {
  const ReferenceSplit ten = SplitReferences(10, 0.2);
  EXPECT_EQ(ten.left_out, (Numbers{2, 7}));
  EXPECT_EQ(ten.learned, (Numbers{0, 1, 3, 4, 5, 6, 8, 9}));
  for (int64_t count = 4; count < 40; ++count) {
    for (const double share : {0.01, 0.2, 0.33, 0.5}) {
      const ReferenceSplit split = SplitReferences(count, share);
      const int64_t out = std::max<int64_t>(1, std::lround(share * static_cast<double>(count)));
      EXPECT_EQ(static_cast<int64_t>(split.left_out.size()), out) << count << " " << share;
      EXPECT_EQ(static_cast<int64_t>(split.learned.size()), count - out);
    }
  }
}

TEST(ReferenceSplitTest, FewReferencesAreAllLearnedFrom) {
  EXPECT_EQ(SplitReferences(3, 0.5).learned, (Numbers{0, 1, 2}));
  EXPECT_TRUE(SplitReferences(3, 0.5).left_out.empty());
  EXPECT_TRUE(SplitReferences(10, 0).left_out.empty());
  EXPECT_EQ(SplitReferences(1, 0.2).learned, (Numbers{0}));
}

}  // namespace
}  // namespace alignflow
