#include "worker/metrics/students_t.h"

#include <gtest/gtest.h>

namespace alignflow {
namespace {

TEST(StudentsTTest, QuantilesAreThoseOfThePrintedTables) {
  EXPECT_NEAR(TwoSidedQuantile(0.05, 1), 12.7062, 1e-4);
  EXPECT_NEAR(TwoSidedQuantile(0.05, 2), 4.30265, 1e-5);
  EXPECT_NEAR(TwoSidedQuantile(0.05, 10), 2.22814, 1e-5);
  EXPECT_NEAR(TwoSidedQuantile(0.01, 5), 4.03214, 1e-5);
  EXPECT_NEAR(TwoSidedQuantile(0.05, 1e6), 1.95997, 1e-5);
}

TEST(StudentsTTest, PValuesTurnQuantilesBack) {
  for (const double degrees : {1.0, 2.5, 30.0}) {
    for (const double p : {0.9, 0.05, 1e-6}) {
      EXPECT_NEAR(TwoSidedPValue(TwoSidedQuantile(p, degrees), degrees), p, 1e-9);
    }
    EXPECT_EQ(TwoSidedPValue(0, degrees), 1);
  }
}

}  // namespace
}  // namespace alignflow
