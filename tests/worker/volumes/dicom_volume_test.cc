#include "worker/volumes/dicom_volume.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/worker/data/test_images.h"
#include "worker/volumes/volume_formats.h"

namespace alignflow {
namespace {

using testing::FloatNear;
using testing::HasSubstr;
using testing::Pointwise;

const SyntheticOrigin kVolumeOrigin{
    .job = "jobs/7a", .pair = 3, .kind = "restyled", .digest = "ab"};

// Turned a little about two axes, with slices that are shifted against each other.
const VolumeGrid kOblique{
    .size = {4, 3, 5},
    .affine = {0.768, -0.28, 0.1, -30.5, 0.224, 0.96, -0.2, 12.25, 0.1, 0, 2.5, -700.125}};

Volume Counting(double first, double step) {
  Volume volume{.grid = kOblique, .voxels = {}, .low = -160, .high = 240};
  // Right angles within a slice.
  volume.grid.affine = {0.8,   -0.28, 0.1, -30.5, 0.233333333333, 0.96, -0.2,
                        12.25, 0,     0,   2.5,   -700.125};
  for (int i = 0; i < 60; ++i) volume.voxels.push_back(static_cast<float>(first + step * i));
  return volume;
}

// Both as files, and read again.
struct ReadBack {
  Volume image, mask;
};
ReadBack WrittenAndRead(const Volume& image, const Volume& classes) {
  const auto frames = DicomImageOf(image);
  auto class_frames = DicomMaskOf(classes);
  EXPECT_TRUE(frames.ok() && class_frames.ok()) << frames.status() << class_frames.status();
  class_frames->segments = {{"organ"}, {"lesion"}};
  const TestFolder folder;
  folder.Write("image.dcm", *PackSyntheticImage(kVolumeOrigin, *frames));
  folder.Write("mask.dcm", *PackSyntheticMask(kVolumeOrigin, *class_frames));
  EXPECT_EQ(FormatOf(folder.path() / "image.dcm"), VolumeFormat::kSeries);
  EXPECT_EQ(FormatOf(folder.path() / "mask.dcm"), VolumeFormat::kSegmentation);
  const auto volume = ReadAnyVolume(folder.path() / "image.dcm");
  EXPECT_TRUE(volume.ok()) << volume.status();
  const auto mask = ReadAnyMask(folder.path() / "mask.dcm", volume->grid);
  EXPECT_TRUE(mask.ok()) << mask.status();
  return {*volume, *mask};
}

TEST(DicomVolumeTest, VoxelsMaskAndPlacesComeBackAsTheyWere) {
  const Volume image = Counting(-1000, 17);
  Volume classes = image;
  for (size_t i = 0; i < classes.voxels.size(); ++i) {
    classes.voxels[i] = i < 20 ? 0 : i % 7 == 0 ? 2 : 1;
  }
  const ReadBack read = WrittenAndRead(image, classes);
  EXPECT_EQ(read.image.voxels, image.voxels);
  EXPECT_EQ(read.image.grid.size, image.grid.size);
  EXPECT_TRUE(IsSameGrid(read.image.grid, image.grid));
  EXPECT_EQ(read.image.modality, "") << "a window of CT may be laid over it again";
  EXPECT_EQ(read.mask.voxels, classes.voxels);
}

TEST(DicomVolumeTest, ASegmentThatIsNowhereIsNoFault) {
  const Volume image = Counting(0, 1);
  Volume classes = image;
  std::ranges::fill(classes.voxels, 0);
  EXPECT_EQ(WrittenAndRead(image, classes).mask.voxels, classes.voxels);
}

TEST(DicomVolumeTest, TheStepsOfAWindowAreExactReals) {
  Volume image = Counting(0, 0);
  image.low = 0.125;
  image.high = 1.9;
  for (int i = 0; i < 60; ++i) {
    image.voxels[i] = static_cast<float>(image.low + (image.high - image.low) * (4 * i) / 255.0);
  }
  const Volume empty = Counting(0, 0);
  EXPECT_THAT(WrittenAndRead(image, empty).image.voxels, Pointwise(FloatNear(1e-6f), image.voxels));
}

TEST(DicomVolumeTest, WhatSixteenBitsOrDicomDoNotHoldIsRefused) {
  Volume image = Counting(0, 1);
  image.voxels[5] = 0.4f;
  EXPECT_THAT(std::string(DicomImageOf(image).status().message()),
              testing::AllOf(HasSubstr("Pixel Data"), HasSubstr("; pull")));
  EXPECT_THAT(std::string(DicomImageOf(Counting(0, 2000)).status().message()),
              HasSubstr("do not hold"));
  Volume sheared = Counting(0, 1);
  sheared.grid = kOblique;
  sheared.grid.affine[1] = 0.3;
  EXPECT_THAT(std::string(DicomImageOf(sheared).status().message()),
              testing::AllOf(HasSubstr("right angles"), HasSubstr("; pull")));
}

}  // namespace
}  // namespace alignflow
