#include "common/data/nifti_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "common/data/volume_probe.h"
#include "tests/worker/volumes/nifti_bytes.h"
#include "worker/volumes/volume_file.h"

namespace alignflow {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string RefusalOf(const NiftiBytes& file) {
  const absl::StatusOr<NiftiHeader> header = ParseNiftiHeader(file.bytes());
  EXPECT_EQ(header.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(header.status().message()), HasSubstr("; ")) << "a remedy";
  return std::string(header.status().message());
}

NiftiBytes File() { return {4, 5, 6}; }

TEST(NiftiHeaderTest, GeometryIsReadInMillimetres) {
  NiftiBytes file = File();
  file.Set(280, 0.002F).Set(292, 0.01F).Set(300, 0.003F).Set(320, 0.004F).Set(123, char{1});
  const absl::StatusOr<NiftiHeader> header = ParseNiftiHeader(file.bytes());
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->grid.size, (std::array<int64_t, 3>{4, 5, 6}));
  EXPECT_NEAR(header->grid.affine[0], 2, 1e-6);
  EXPECT_NEAR(header->grid.affine[3], 10, 1e-6);
  EXPECT_NEAR(header->grid.Spacing()[2], 4, 1e-6);
}

TEST(NiftiHeaderTest, WhatIsNoVolumeIsRefusedWithReasonAndRemedy) {
  constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(RefusalOf(File().Set(0, int32_t{17})), HasSubstr("not a NIfTI file"));
  EXPECT_THAT(RefusalOf(File().Text(344, "ni1")), HasSubstr("two pieces"));
  EXPECT_THAT(RefusalOf(File().Text(344, std::string(4, '\0'))), HasSubstr("Analyze"));
  EXPECT_THAT(RefusalOf(File().Set(40, int16_t{4}).Set(48, int16_t{9})),
              AllOf(HasSubstr("4 dimensions (9 in number 4)"), HasSubstr("four_to_three")));
  EXPECT_THAT(RefusalOf(File().Set(40, int16_t{0})), HasSubstr("0 dimensions"));
  EXPECT_THAT(RefusalOf(File().Set(40, int16_t{2})), HasSubstr("a picture"));
  EXPECT_THAT(RefusalOf(File().Set(42, int16_t{-3})), HasSubstr("-3 voxels"));
  EXPECT_THAT(RefusalOf(File().Set(42, int16_t{30000})), HasSubstr("sides up to 4096"));
  EXPECT_THAT(
      RefusalOf(File().Set(42, int16_t{4000}).Set(44, int16_t{4000}).Set(46, int16_t{4000})),
      HasSubstr("256 million"));
  EXPECT_THAT(RefusalOf(File().Set(70, int16_t{128})), HasSubstr("RGB"));
  EXPECT_THAT(RefusalOf(File().Set(70, int16_t{32})), HasSubstr("complex"));
  EXPECT_THAT(RefusalOf(File().Set(70, int16_t{1536})), HasSubstr("type 1536"));
  EXPECT_THAT(RefusalOf(File().Set(280, 0.0F)), HasSubstr("spacing of 0 mm"));
  EXPECT_THAT(RefusalOf(File().Set(280, kNone)), HasSubstr("no numbers"));
  EXPECT_THAT(RefusalOf(File().Set(280, 0.0F).Set(296, 1.0F)), HasSubstr("flat"));
  EXPECT_THAT(RefusalOf(File().Set(112, 2.0F).Set(116, kNone)), HasSubstr("scl_inter"));
  EXPECT_THAT(RefusalOf(File().Set(108, 4.0F)), HasSubstr("byte 4"));
  EXPECT_THAT(RefusalOf(File().Set(108, 1e20F)), HasSubstr("byte 1e+20"));
  // By the quaternion and by spacing alone.
  EXPECT_THAT(RefusalOf(File().Set(254, int16_t{0}).Set(252, int16_t{1}).Set(80, -2.0F)),
              HasSubstr("spacing of -2 mm"));
  EXPECT_THAT(RefusalOf(File().Set(254, int16_t{0}).Set(252, int16_t{1}).Set(256, 3.0F)),
              HasSubstr("no rotation"));
  EXPECT_THAT(RefusalOf(File().Set(254, int16_t{0}).Set(88, 0.0F)), HasSubstr("spacing of 0 mm"));
}

TEST(NiftiHeaderTest, FiftyThousandVoxelsASideAreRefusedInNifti2) {
  std::string bytes(544, '\0');
  const auto set = [&](size_t at, auto value) {
    std::memcpy(bytes.data() + at, &value, sizeof(value));
  };
  set(0, int32_t{540});
  std::memcpy(bytes.data() + 4, "n+2\0\r\n\032\n", 8);
  set(12, int16_t{4});
  set(16, int64_t{3});
  for (int i = 1; i <= 3; ++i) set(16 + 8 * i, int64_t{50000});
  const absl::StatusOr<NiftiHeader> header = ParseNiftiHeader(bytes);
  EXPECT_THAT(std::string(header.status().message()), HasSubstr("50000x50000x50000"));
}

TEST(NiftiHeaderTest, NoBeginningOfAFileIsReadBeyond) {
  const std::string bytes = File().bytes();
  for (size_t length = 0; length < 348; ++length) {
    EXPECT_FALSE(ParseNiftiHeader(bytes.substr(0, length)).ok()) << length;
  }
}

TEST(NiftiHeaderTest, TheCanonicalFormIsReadBackToItself) {
  NiftiHeader header{
      .grid = {.size = {4, 5, 6}, .affine = {0.7, 0.1, 0, -3.3, -0.1, 0.7, 0.2, 4, 0, 0.1, 5, 1e3}},
      .type = NiftiType::kFloat32,
      .low = -160,
      .high = 240};
  const std::string bytes = CanonicalNiftiHeader(header);
  const absl::StatusOr<NiftiHeader> read = ParseNiftiHeader(bytes);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(CanonicalNiftiHeader(*read), bytes);
  EXPECT_EQ(read->low, -160);
  EXPECT_EQ(read->data_offset, kCanonicalHeaderBytes);
}

// --- What the coordinator looks at ---

Volume Small(double low, double high) {
  Volume volume;
  volume.grid = {.size = {4, 5, 6}, .affine = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0}};
  volume.voxels.assign(120, 7);
  volume.low = low;
  volume.high = high;
  return volume;
}

TEST(VolumeProbeTest, TheFormThatIsStoredIsTaken) {
  const std::string image = PackVolume(Small(0, 10), NiftiType::kInt16);
  const absl::StatusOr<NiftiHeader> header = ProbeVolume(image, FileRole::kImage);
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_TRUE(CheckVolumeComplete(image, *header).ok());
  EXPECT_TRUE(ProbeVolume(PackVolume(Small(0, 0), NiftiType::kUint8), FileRole::kMask).ok());
  EXPECT_TRUE(ProbeVolume(image.substr(0, 300), FileRole::kImage).ok()) << "its beginning";
}

TEST(VolumeProbeTest, WhatHoldsMoreOrOtherThanGeometryIsRefused) {
  const auto refusal = [](const std::string& bytes, FileRole role) {
    return std::string(ProbeVolume(bytes, role).status().message());
  };
  const std::string image = PackVolume(Small(0, 10), NiftiType::kInt16);
  EXPECT_THAT(refusal(image, FileRole::kMask), HasSubstr("uint8"));
  EXPECT_THAT(refusal(PackVolume(Small(0, 1), NiftiType::kUint8), FileRole::kImage),
              HasSubstr("int16 or float32"));
  EXPECT_THAT(refusal(PackVolume(Small(0, 0), NiftiType::kInt16), FileRole::kImage),
              HasSubstr("black and white"));
  EXPECT_THAT(refusal("no gzip at all", FileRole::kImage), HasSubstr("afctl"));
  EXPECT_THAT(refusal(image.substr(0, 20), FileRole::kImage), HasSubstr("; "));
}

TEST(VolumeProbeTest, AFileThatEndsEarlyIsTold) {
  const std::string image = PackVolume(Small(0, 10), NiftiType::kInt16);
  const absl::StatusOr<NiftiHeader> header = ProbeVolume(image, FileRole::kImage);
  ASSERT_TRUE(header.ok());
  EXPECT_FALSE(CheckVolumeComplete(image.substr(0, image.size() - 1), *header).ok());
  EXPECT_FALSE(CheckVolumeComplete(image.substr(0, 10), *header).ok());
}

}  // namespace
}  // namespace alignflow
