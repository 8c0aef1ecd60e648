#include "worker/volumes/nrrd_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/common/temp_folder.h"

namespace alignflow {
namespace {

using testing::HasSubstr;

constexpr char kGeometry[] =
    "space: left-posterior-superior\n"
    "space directions: (0.5,0,0) (0,0,-2) (0, 0.25, 0)\n"
    "space origin: (1,2,3)\nspace units: \"mm\" \"mm\" \"mm\"\n";

// A header of 2 x 3 x 4 voxels.
std::string Header(const std::string& rest = kGeometry, const std::string& type = "short",
                   const std::string& encoding = "raw") {
  return absl::StrCat("NRRD0004\n# a comment\ntype: ", type, "\ndimension: 3\nsizes: 2 3 4\n",
                      "encoding: ", encoding, "\nendian: little\n", rest, "\n");
}
// 0, 1, 2, ... as 16 bits.
std::string Voxels() {
  std::string bytes;
  for (int i = 0; i < 24; ++i) bytes += {static_cast<char>(i), '\0'};
  return bytes;
}

class NrrdFileTest : public testing::Test {
 protected:
  std::filesystem::path Write(const std::string& bytes) {
    WriteFile(folder_.path() / "a.nrrd", bytes);
    return folder_.path() / "a.nrrd";
  }
  std::string Gzipped(const std::string& bytes) {
    const std::filesystem::path path = folder_.path() / "packed";
    gzFile file = gzopen(path.c_str(), "wb");
    gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
    gzclose(file);
    return ReadFile(path);
  }
  std::string Refusal(const std::string& bytes) {
    const absl::StatusOr<Volume> volume = ReadNrrd(Write(bytes));
    EXPECT_FALSE(volume.ok());
    EXPECT_THAT(std::string(volume.status().message()), HasSubstr("; ")) << "a remedy";
    return std::string(volume.status().message());
  }

  TempFolder folder_;
};

TEST_F(NrrdFileTest, VoxelsLieWhereTheDirectionsSayRawAndPacked) {
  for (const std::string& bytes :
       {Header() + Voxels(), Header(kGeometry, "int16", "gzip") + Gzipped(Voxels())}) {
    const absl::StatusOr<Volume> volume = ReadNrrd(Write(bytes));
    ASSERT_TRUE(volume.ok()) << volume.status();
    // Axis 0 goes to the left, axis 1 down, axis 2 to the back.
    EXPECT_EQ(volume->grid.size, (std::array<int64_t, 3>{2, 4, 3}));
    EXPECT_EQ(volume->grid.affine,
              (std::array<double, 12>{0.5, 0, 0, -1.5, 0, 0.25, 0, -2.75, 0, 0, 2, -1}));
    EXPECT_EQ(volume->At(1, 3, 2), 0);
    EXPECT_EQ(volume->At(0, 3, 2), 1);
    EXPECT_EQ(volume->At(1, 3, 1), 2);
    EXPECT_EQ(volume->At(1, 2, 2), 6);
    EXPECT_TRUE(volume->oriented);
  }
}

TEST_F(NrrdFileTest, VoxelsThatBeginAsGzipDoesAreNotUnpackedWhereTheyAreRaw) {
  std::string voxels = Voxels();
  voxels.replace(0, 4, std::string("\x1f\x8b\x08\x00", 4));
  const absl::StatusOr<Volume> volume = ReadNrrd(Write(Header() + voxels));
  ASSERT_TRUE(volume.ok()) << volume.status();
  EXPECT_EQ(volume->At(1, 3, 2), static_cast<int16_t>(0x8b1f));
}

TEST_F(NrrdFileTest, SpacesAreTurned) {
  const std::string directions =
      "space directions: (1,0,0) (0,1,0) (0,0,1)\nspace origin: (5,6,7)\n";
  const auto origin = [&](const std::string& space) {
    const auto header = ParseNrrdHeader(Header(space + directions));
    EXPECT_TRUE(header.ok()) << header.status();
    const auto& affine = header->voxels.grid.affine;
    return std::array<double, 3>{affine[3], affine[7], affine[11]};
  };
  EXPECT_EQ(origin("space: RAS\n"), (std::array<double, 3>{5, 6, 7}));
  EXPECT_EQ(origin("space: left-anterior-superior\n"), (std::array<double, 3>{-5, 6, 7}));
  EXPECT_EQ(origin("space: LPS\r\n"), (std::array<double, 3>{-5, -6, 7}));
  const auto spaced = ParseNrrdHeader(Header("spacings: 1 2 3\n"));
  ASSERT_TRUE(spaced.ok()) << spaced.status();
  EXPECT_FALSE(spaced->voxels.oriented);
  EXPECT_EQ(spaced->voxels.grid.Spacing(), (std::array<double, 3>{1, 2, 3}));
}

TEST_F(NrrdFileTest, SegmentationsOfSlicerAreKnown) {
  const auto header = ParseNrrdHeader(Header(absl::StrCat(kGeometry, "Segment0_Name:=liver: x\n")));
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_TRUE(header->segmentation);
}

TEST_F(NrrdFileTest, WhatIsNotReadIsRefusedByName) {
  const std::string geometry = kGeometry;
  EXPECT_THAT(Refusal("JPEG"), HasSubstr("not a NRRD file"));
  EXPECT_THAT(Refusal(""), HasSubstr("empty"));
  EXPECT_THAT(Refusal(Header().substr(0, 60)), HasSubstr("ends within its NRRD header"));
  EXPECT_THAT(Refusal(Header() + Voxels().substr(1)), HasSubstr("before its last voxel"));
  EXPECT_THAT(Refusal(Header(geometry + "data file: ../../secret.raw\n")),
              HasSubstr("files of their own"));
  EXPECT_THAT(Refusal(Header(geometry + "byte skip: -1\n")), HasSubstr("byteskip"));
  EXPECT_THAT(Refusal(Header(geometry, "block")), HasSubstr("type 'block'"));
  EXPECT_THAT(Refusal(Header(geometry, "short", "bzip2")), HasSubstr("'bzip2'"));
  EXPECT_THAT(Refusal(Header(geometry + "kinds: RGB-color domain domain\n")),
              HasSubstr("'RGB-color'"));
  EXPECT_THAT(Refusal(Header(geometry + "type: short\n")), HasSubstr("'type' twice"));
  EXPECT_THAT(Refusal(Header("space: scanner-xyz\n")), HasSubstr("'scanner-xyz'"));
  EXPECT_THAT(Refusal(Header("space units: \"um\" \"um\" \"um\"\nspacings: 1 1 1\n")),
              HasSubstr("um"));
  EXPECT_THAT(Refusal(Header("")), HasSubstr("neither space directions nor spacings"));
  EXPECT_THAT(Refusal(Header("spacings: 1 nan 1\n")), HasSubstr("neither"));
  EXPECT_THAT(Refusal(Header("space directions: none (1,0,0) (0,1,0)\n")), HasSubstr("three"));
  EXPECT_THAT(Refusal(Header("space directions: (1,0,0) (1,0,0) (0,0,1)\n")), HasSubstr("flat"));
  EXPECT_THAT(Refusal(Header(geometry, "short", "gzip") + Voxels()), HasSubstr("not packed so"));
  EXPECT_THAT(Refusal(Header(geometry, "short", "gzip") + Gzipped(Voxels()).substr(0, 30)),
              HasSubstr("gzip packing is damaged"));
  EXPECT_THAT(Refusal("NRRD0004\ntype: uchar\ndimension: 4\nsizes: 2 2 2 2\nencoding: raw\n\n"),
              HasSubstr("4 dimensions"));
  EXPECT_THAT(
      Refusal("NRRD0004\ntype: uchar\ndimension: 3\nsizes: 99999 99999 9\nencoding: raw\n\n"),
      HasSubstr("99999x99999x9"));
  const std::string real = Header(geometry, "float");
  EXPECT_THAT(Refusal(real + std::string(92, '\0') + std::string("\0\0\xc0\x7f", 4)),
              HasSubstr("1 of 24 voxels are no numbers"));
}

}  // namespace
}  // namespace alignflow
