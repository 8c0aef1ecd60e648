#include "worker/gates/mask_agreement.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

namespace alignflow {
namespace {

// A row of class numbers as a mask of one row, [1,1,W].
at::Tensor Row(std::vector<int64_t> classes) {
  return at::tensor(classes, at::kByte).view({1, 1, -1});
}

TEST(OverlapTest, DiceAndIouAreThoseCountedByHand) {
  const ClassOverlap overlap =
      OverlapOf(Row({1, 1, 1, 0, 2, 0}), Row({0, 1, 1, 1, 2, 2}), /*classes=*/3);
  EXPECT_DOUBLE_EQ(overlap.dice[0][0].item<double>(), 2 * 2.0 / (3 + 3));
  EXPECT_DOUBLE_EQ(overlap.iou[0][0].item<double>(), 2.0 / 4);
  EXPECT_DOUBLE_EQ(overlap.dice[0][1].item<double>(), 2 * 1.0 / (1 + 2));
  EXPECT_DOUBLE_EQ(overlap.iou[0][1].item<double>(), 1.0 / 2);
}

TEST(OverlapTest, AClassInNeitherMaskDoesNotCountButAMissedOrInventedOneIsZero) {
  const ClassOverlap overlap = OverlapOf(Row({2, 0, 0}), Row({0, 0, 3}), /*classes=*/4);
  EXPECT_TRUE(std::isnan(overlap.dice[0][0].item<double>()));
  EXPECT_TRUE(std::isnan(overlap.iou[0][0].item<double>()));
  EXPECT_EQ(overlap.dice[0][1].item<double>(), 0);
  EXPECT_EQ(overlap.dice[0][2].item<double>(), 0);
}

TEST(OverlapTest, VolumesAreCountedByVoxels) {
  const at::Tensor seen = Row({1, 1, 1, 0, 2, 0, 0, 0}), asked = Row({0, 1, 1, 1, 2, 2, 0, 0});
  const ClassOverlap flat = OverlapOf(seen, asked, /*classes=*/3);
  const ClassOverlap deep =
      OverlapOf(seen.view({1, 2, 2, 2}), asked.view({1, 2, 2, 2}), /*classes=*/3);
  EXPECT_TRUE(at::equal(deep.dice, flat.dice));
  EXPECT_TRUE(at::equal(deep.iou, flat.iou));
  EXPECT_EQ(MaskAgreement(seen.view({1, 2, 2, 2}), asked.view({1, 2, 2, 2}), 3).item<double>(),
            MaskAgreement(seen, asked, 3).item<double>());
}

TEST(OverlapTest, MasksOfDifferentShapesAreRefused) {
  EXPECT_THROW(OverlapOf(Row({1, 0}), Row({1, 0, 0}), 2), std::invalid_argument);
}

TEST(MaskAgreementTest, OnlyTheAskedClassesCountAndEachEqually) {
  // Class 1 wholly seen, class 2 not at all; class 3 is seen but was not asked for.
  const double agreement =
      MaskAgreement(Row({1, 1, 1, 0, 3, 0}), Row({1, 1, 1, 2, 0, 0}), /*classes=*/4).item<double>();
  EXPECT_DOUBLE_EQ(agreement, 0.5);
}

TEST(MaskAgreementTest, AnEmptyMaskIsObeyedByAnEmptyImage) {
  EXPECT_DOUBLE_EQ(MaskAgreement(Row({0, 0, 0, 0}), Row({0, 0, 0, 0}), 2).item<double>(), 1);
  EXPECT_DOUBLE_EQ(MaskAgreement(Row({1, 1, 1, 0}), Row({0, 0, 0, 0}), 2).item<double>(), 2.0 / 5);
  EXPECT_DOUBLE_EQ(MaskAgreement(Row({1, 1, 1, 1}), Row({0, 0, 0, 0}), 2).item<double>(), 0);
}

}  // namespace
}  // namespace alignflow
