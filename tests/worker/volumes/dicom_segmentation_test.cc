#include "worker/volumes/dicom_segmentation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/worker/volumes/slice_bytes.h"

namespace alignflow {
namespace {

using testing::HasSubstr;

// Of SliceBytes(0) to SliceBytes(2), turned.
const VolumeGrid kImage{.size = {4, 3, 3},
                        .affine = {0.25, 0, 0, -10.75, 0, 0.5, 0, -21, 0, 0, 2, 0}};

std::string Refusal(const DicomBytes& file, const VolumeGrid& image = kImage) {
  const absl::StatusOr<Volume> mask = ParseSegmentation(file.File(), image);
  EXPECT_FALSE(mask.ok());
  EXPECT_THAT(std::string(mask.status().message()), HasSubstr("; ")) << "a remedy";
  return std::string(mask.status().message());
}

TEST(DicomSegmentationTest, FramesGoWhereTheyLieWithTheNumbersOfTheirSegments) {
  // Segment 1 in slice 2: column 1 of row 0. Segment 2 in slice 0: column 3 of row 2.
  const absl::StatusOr<Volume> mask = ParseSegmentation(SegmentationBytes({2, 0},
                                                                          "010000000000"
                                                                          "000000000001")
                                                            .File(),
                                                        kImage);
  ASSERT_TRUE(mask.ok()) << mask.status();
  EXPECT_EQ(mask->grid, kImage);
  EXPECT_EQ(mask->At(2, 2, 2), 1);
  EXPECT_EQ(mask->At(0, 0, 0), 2);
  EXPECT_EQ(std::ranges::count(mask->voxels, 0), 4 * 3 * 3 - 2);
}

TEST(DicomSegmentationTest, WhatDoesNotLieOnTheImageIsRefused) {
  const std::string bits = "010000000000";
  EXPECT_THAT(Refusal(SegmentationBytes({0.5}, bits)), HasSubstr("frame 1 does not lie on"));
  EXPECT_THAT(Refusal(SegmentationBytes({3}, bits)), HasSubstr("1 of the segmentation's voxels"));
  VolumeGrid coarser = kImage;
  coarser.affine[0] = 0.5;
  EXPECT_THAT(Refusal(SegmentationBytes({0}, bits), coarser), HasSubstr("another place"));
  // Nothing is lost where a frame beyond the image shows nothing.
  EXPECT_TRUE(ParseSegmentation(SegmentationBytes({3}, std::string(12, '0')).File(), kImage).ok());
}

TEST(DicomSegmentationTest, WhatIsNoLabelMapIsRefusedByName) {
  const std::string bits = "010000000000";
  EXPECT_THAT(Refusal(SegmentationBytes({0}, bits, "FRACTIONAL")), HasSubstr("fractional"));
  EXPECT_THAT(Refusal(SegmentationBytes({0}, bits, "")), HasSubstr("type ''"));
  EXPECT_THAT(Refusal(SegmentationBytes({0, 0}, bits + bits)),
              HasSubstr("1 voxels are of several segments"));
  EXPECT_THAT(Refusal(SliceBytes(0)), HasSubstr("no segmentation"));
  EXPECT_THAT(Refusal(SegmentationBytes(std::vector<double>(300, 0), std::string(3600, '0'))),
              HasSubstr("the number 256"));
}

}  // namespace
}  // namespace alignflow
