#include "worker/volumes/resample.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "worker/volumes/mask_facts.h"
#include "worker/volumes/volume_window.h"

namespace alignflow {
namespace {

using testing::FloatNear;
using testing::Pointwise;
using Size = std::array<int64_t, 3>;

VolumeGrid Grid(Size size, Size spacing) {
  VolumeGrid grid{.size = size, .affine = {}};
  for (int i = 0; i < 3; ++i) {
    grid.affine[5 * i] = static_cast<double>(spacing[i]);
    grid.affine[4 * i + 3] = 10;
  }
  return grid;
}

TEST(CubePlanTest, ProportionsAreThoseInMillimetresWhateverTheSpacing) {
  // 200 x 100 x 150 mm.
  const CubePlan plan = PlanCube(Grid({200, 50, 30}, {1, 2, 5}), 32);
  EXPECT_EQ(plan.inner, (Size{32, 16, 24}));
  EXPECT_EQ(plan.first, (Size{0, 8, 4}));
  EXPECT_EQ(PlanCube(Grid({400, 2, 2}, {1, 1, 1}), 32).inner, (Size{32, 1, 1})) << "never none";
}

TEST(CubePlanTest, TheInnerGridCoversTheVolumesOwnSpace) {
  const VolumeGrid grid = Grid({200, 50, 30}, {1, 2, 5});
  const CubePlan plan = PlanCube(grid, 32);
  for (int i = 0; i < 3; ++i) {
    const double step = grid.affine[5 * i], coarse = plan.grid.affine[5 * i];
    const double first = grid.affine[4 * i + 3] - step / 2;
    EXPECT_NEAR(plan.grid.affine[4 * i + 3] - coarse / 2, first, 1e-9);
    EXPECT_NEAR(coarse * static_cast<double>(plan.inner[i]),
                step * static_cast<double>(grid.size[i]), 1e-9);
  }
}

TEST(ResampleTest, FewerVoxelsAreMeansOfWhatTheyCover) {
  std::vector<float> voxels(6 * 2 * 2);
  std::iota(voxels.begin(), voxels.end(), 0.0F);
  const std::vector<float> half = ResampleValues(voxels, {6, 2, 2}, {3, 1, 1});
  // Means of columns 2i and 2i + 1 over all rows and slices.
  EXPECT_THAT(half, Pointwise(FloatNear(1e-5), {9.5F, 11.5F, 13.5F}));
  const std::vector<float> uneven = ResampleValues({0, 3, 6}, {3, 1, 1}, {2, 1, 1});
  EXPECT_THAT(uneven, Pointwise(FloatNear(1e-5), {1.0F, 5.0F}));
}

TEST(ResampleTest, MoreVoxelsLieOnTheLineBetweenCentres) {
  const std::vector<float> twice = ResampleValues({0, 4}, {1, 1, 2}, {1, 1, 4});
  EXPECT_THAT(twice, Pointwise(FloatNear(1e-5), {0.0F, 1.0F, 3.0F, 4.0F}));
}

TEST(ResampleTest, LabelsAreNeverMixed) {
  const std::vector<float> labels = {0, 0, 7, 7, 0, 0};
  EXPECT_EQ(ResampleLabels(labels, {6, 1, 1}, {3, 1, 1}), (std::vector<float>{0, 7, 0}));
  EXPECT_EQ(ResampleLabels({1, 5}, {1, 2, 1}, {1, 4, 1}), (std::vector<float>{1, 1, 5, 5}));
}

TEST(ResampleTest, WhatIsPutIntoACubeComesOutOfIt) {
  const CubePlan plan = PlanCube(Grid({8, 4, 6}, {1, 1, 1}), 8);
  std::vector<uint8_t> inner(plan.inner[0] * plan.inner[1] * plan.inner[2]);
  std::iota(inner.begin(), inner.end(), uint8_t{1});
  std::vector<uint8_t> cube(8 * 8 * 8);
  PutIntoCube(inner, plan, cube.data());
  EXPECT_EQ(TakeFromCube(cube.data(), plan), inner);
  EXPECT_EQ(cube.front(), 0) << "around it is black";
}

TEST(ValueRangeTest, BytesAndValuesAreEachOthersInverse) {
  const ValueRange range = RangeOf({.centre = 40, .width = 400});
  EXPECT_EQ(range, (ValueRange{-160, 240}));
  EXPECT_EQ(range.ByteOf(-1000), 0);
  EXPECT_EQ(range.ByteOf(1000), 255);
  for (int byte = 0; byte < 256; ++byte) {
    EXPECT_EQ(range.ByteOf(range.ValueOf(static_cast<uint8_t>(byte))), byte);
  }
}

TEST(ValueRangeTest, AVolumesOwnRangeLeavesOutliersAside) {
  std::vector<float> voxels(10000, 50);
  for (size_t i = 0; i < 5000; ++i) voxels[i] = 20;
  voxels.back() = 1e6;
  EXPECT_EQ(OwnRange(voxels), (ValueRange{20, 50}));
  const ValueRange flat = OwnRange(std::vector<float>(100, 3));
  EXPECT_LT(flat.low, flat.high);
}

TEST(MaskFactsTest, AStructureIsKeptWhereAVoxelOfItIsLeft) {
  const VolumeGrid grid = Grid({64, 64, 64}, {1, 1, 1});
  std::vector<float> labels(grid.voxels(), 0);
  labels[0] = 2;  // a single voxel, between the centres of coarser ones
  for (int64_t i = 64 * 64 * 20; i < 64 * 64 * 40; ++i) labels[i] = 1;
  const std::vector<int> sizes = {64, 8};
  const std::map<int, ClassStructures> shown = StructuresOfVolume(labels, grid, sizes);
  EXPECT_EQ(shown.at(1).structures, 1);
  EXPECT_EQ(shown.at(1).kept.at(8).structures, 1);
  EXPECT_EQ(shown.at(2).kept.at(64).structures, 1);
  EXPECT_EQ(shown.at(2).kept.at(8).structures, 0);
}

}  // namespace
}  // namespace alignflow
