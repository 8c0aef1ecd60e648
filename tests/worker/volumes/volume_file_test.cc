#include "worker/volumes/volume_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <limits>
#include <string>

#include "tests/common/temp_folder.h"
#include "tests/worker/volumes/nifti_bytes.h"

namespace alignflow {
namespace {

using testing::HasSubstr;
using testing::Not;

class VolumeFileTest : public testing::Test {
 protected:
  std::filesystem::path Write(const std::string& name, const std::string& bytes) {
    WriteFile(folder_.path() / name, bytes);
    return folder_.path() / name;
  }
  std::filesystem::path WritePacked(const std::string& name, const std::string& bytes) {
    const std::filesystem::path path = folder_.path() / name;
    gzFile file = gzopen(path.c_str(), "wb");
    gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
    gzclose(file);
    return path;
  }
  std::string RefusalOf(const std::filesystem::path& path) {
    const absl::StatusOr<Volume> volume = ReadVolume(path);
    EXPECT_FALSE(volume.ok());
    EXPECT_THAT(std::string(volume.status().message()), HasSubstr("; ")) << "a remedy";
    return std::string(volume.status().message());
  }

  TempFolder folder_;
};

TEST_F(VolumeFileTest, AxesBecomeThePatientsWithoutMovingAVoxelInSpace) {
  // i to the left, j up, k to the back.
  NiftiBytes file(4, 5, 6);
  file.Set(280, -1.0F).Set(300, 0.0F).Set(304, -2.0F).Set(316, 3.0F).Set(320, 0.0F);
  file.Set(292, 10.0F);
  const absl::StatusOr<Volume> volume = ReadVolume(WritePacked("a.nii.gz", file.bytes()));
  ASSERT_TRUE(volume.ok()) << volume.status();
  EXPECT_EQ(volume->grid.size, (std::array<int64_t, 3>{4, 6, 5}));
  // Voxel (1, 2, 3) as stored lies at x = 9, y = -6, z = 6.
  const std::array<double, 12>& affine = volume->grid.affine;
  for (int64_t i = 0; i < 4; ++i) {
    for (int64_t j = 0; j < 6; ++j) {
      for (int64_t k = 0; k < 5; ++k) {
        const double x = affine[0] * static_cast<double>(i) + affine[3];
        const double y = affine[5] * static_cast<double>(j) + affine[7];
        const double z = affine[10] * static_cast<double>(k) + affine[11];
        if (x != 9 || y != -6 || z != 6) continue;
        EXPECT_EQ(volume->At(i, j, k), 1 + 4 * 2 + 20 * 3);
      }
    }
  }
  EXPECT_EQ(volume->At(2, 2, 2), 1 + 4 * 2 + 20 * 3);
  EXPECT_GT(affine[0], 0);
}

TEST_F(VolumeFileTest, SlopeAndInterceptMakeTheValues) {
  NiftiBytes file(2, 2, 2);
  file.Set(112, 0.5F).Set(116, -10.0F);
  const absl::StatusOr<Volume> volume = ReadVolume(Write("a.nii", file.bytes()));
  ASSERT_TRUE(volume.ok()) << volume.status();
  EXPECT_EQ(volume->voxels.back(), -6.5F);
  EXPECT_EQ(ImageTypeOf(*volume), NiftiType::kFloat32);
}

TEST_F(VolumeFileTest, CutAndDamagedFilesAreRefused) {
  const std::string bytes = NiftiBytes(8, 8, 8).bytes();
  EXPECT_THAT(RefusalOf(Write("a.nii", bytes.substr(0, 700))), HasSubstr("before its last voxel"));
  EXPECT_THAT(RefusalOf(Write("b.nii", "")), HasSubstr("empty"));
  EXPECT_THAT(RefusalOf(WritePacked("c.nii.gz", bytes.substr(0, 700))),
              HasSubstr("before its last voxel"));
  const std::string packed = ReadFile(WritePacked("d.nii.gz", bytes));
  EXPECT_THAT(RefusalOf(Write("e.nii.gz", packed.substr(0, packed.size() / 2))), HasSubstr("gzip"));
  std::string wrong_sum = packed;
  wrong_sum[wrong_sum.size() - 6] ^= 1;
  EXPECT_THAT(RefusalOf(Write("f.nii.gz", wrong_sum)), HasSubstr("gzip"));
  EXPECT_THAT(RefusalOf(folder_.path() / "none.nii"), HasSubstr("can't be opened"));
}

// What a header claims is not believed: neither a small packed file for a gigabyte, nor a bomb
// behind a small header.
TEST_F(VolumeFileTest, MemoryIsTakenForWhatAFileCanHoldAlone) {
  NiftiBytes claims(8, 8, 8);
  claims.Set(42, int16_t{600}).Set(44, int16_t{600}).Set(46, int16_t{600});
  EXPECT_THAT(RefusalOf(WritePacked("a.nii.gz", claims.bytes())), HasSubstr("before its last"));
  const std::string bomb = NiftiBytes(8, 8, 8).bytes() + std::string(64 << 20, '\0');
  const absl::StatusOr<Volume> volume = ReadVolume(WritePacked("b.nii.gz", bomb));
  ASSERT_TRUE(volume.ok()) << "bytes behind the voxels are never unpacked";
  EXPECT_EQ(volume->voxels.size(), 512u);
}

TEST_F(VolumeFileTest, VoxelsThatAreNoNumbersAreCounted) {
  NiftiBytes file(2, 2, 2);
  file.Set(70, int16_t{16});
  std::string bytes = file.bytes().substr(0, 352);
  for (int i = 0; i < 8; ++i) {
    const float value = i < 3 ? std::numeric_limits<float>::quiet_NaN() : 1;
    bytes.append(reinterpret_cast<const char*>(&value), 4);
  }
  EXPECT_THAT(RefusalOf(Write("a.nii", bytes)), HasSubstr("3 of 8 voxels are no numbers"));
}

TEST_F(VolumeFileTest, NothingButGeometryAndVoxelsIsWrittenAndReadBack) {
  NiftiBytes file(4, 5, 6);
  for (const size_t at : {4u, 14u, 148u, 228u, 328u}) file.Text(at, "Zeppelin");
  absl::StatusOr<Volume> volume = ReadVolume(Write("a.nii", file.bytes()));
  ASSERT_TRUE(volume.ok()) << volume.status();
  volume->low = 3;
  volume->high = 90;
  const std::string packed = PackVolume(*volume, ImageTypeOf(*volume));
  EXPECT_EQ(PackVolume(*volume, ImageTypeOf(*volume)), packed);
  const std::filesystem::path written = Write("b.nii.gz", packed);
  gzFile unpacked = gzopen(written.c_str(), "rb");
  std::string bytes(4096, '\0');
  bytes.resize(gzread(unpacked, bytes.data(), 4096));
  gzclose(unpacked);
  EXPECT_EQ(bytes.size(), 352 + 2 * 120u);
  EXPECT_THAT(bytes, Not(HasSubstr("Zeppelin")));
  const absl::StatusOr<Volume> read = ReadVolume(written);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->voxels, volume->voxels);
  EXPECT_EQ(read->grid, volume->grid);
  EXPECT_EQ(read->high, 90);
}

TEST(VolumeGridTest, AGridIsTheSameWhereNoVoxelIsElsewhere) {
  VolumeGrid grid{.size = {100, 100, 40}, .affine = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 5, 0}};
  VolumeGrid other = grid;
  other.affine[3] = 0.005;
  EXPECT_TRUE(IsSameGrid(grid, other));
  other.affine[3] = 0.5;
  EXPECT_FALSE(IsSameGrid(grid, other));
  other = grid;
  other.affine[0] = 1.01;  // a voxel at the far end
  EXPECT_FALSE(IsSameGrid(grid, other));
  other = grid;
  other.size[2] = 41;
  EXPECT_FALSE(IsSameGrid(grid, other));
}

}  // namespace
}  // namespace alignflow
