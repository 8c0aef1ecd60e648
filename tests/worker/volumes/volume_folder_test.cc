#include "worker/volumes/volume_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/data/volume_probe.h"
#include "tests/common/temp_folder.h"
#include "tests/worker/data/test_images.h"
#include "worker/volumes/volume_file.h"
#include "worker/volumes/volume_phantom.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class VolumeFolderTest : public testing::Test {
 protected:
  VolumeFolderTest() {
    for (const char* name : {"images", "masks"}) fs::create_directories(dir() / name);
  }
  const fs::path& dir() const { return folder_.path(); }

  void Write(const std::string& name, const Volume& volume, NiftiType type) {
    WriteFile(dir() / name, PackVolume(volume, type));
  }
  VolumePhantom Phantom(int index) { return MakeVolumePhantom({.size = 16}, index); }
  void AddPairs(int count) {
    for (int i = 0; i < count; ++i) {
      const VolumePhantom phantom = Phantom(i);
      Write("images/case" + std::to_string(i) + ".nii.gz", phantom.image, NiftiType::kInt16);
      Write("masks/case" + std::to_string(i) + ".nii.gz", phantom.mask, NiftiType::kUint8);
    }
  }
  absl::StatusOr<ImageFolder> Scan(const ImportOptions& import = {}) {
    return ScanAnyDataset(dir(), VolumePhantomLabels(), {}, import);
  }
  std::string RefusalOf() {
    const absl::StatusOr<ImageFolder> folder = Scan();
    EXPECT_FALSE(folder.ok());
    return std::string(folder.status().message());
  }
  NiftiHeader HeaderOf(const fs::path& file, FileRole role) {
    const absl::StatusOr<NiftiHeader> header = ProbeVolume(ReadFile(file), role);
    EXPECT_TRUE(header.ok()) << header.status();
    return header.value_or(NiftiHeader{});
  }

  TempFolder folder_;
};

TEST_F(VolumeFolderTest, EachVolumeIsWrittenAnewInTheFormThatIsStored) {
  AddPairs(3);
  const absl::StatusOr<ImageFolder> folder = Scan();
  ASSERT_TRUE(folder.ok()) << folder.status();
  ASSERT_EQ(folder->items.size(), 3u);
  const FolderItem& item = folder->items[1];
  EXPECT_EQ(item.name, "case1");
  EXPECT_EQ(std::tuple(item.width, item.height, item.depth), std::tuple(16, 16, 10));
  EXPECT_EQ(item.GivenImage(), dir() / "images" / "case1.nii.gz");
  EXPECT_NE(item.image, item.GivenImage());
  EXPECT_LT(HeaderOf(item.image, FileRole::kImage).low,
            HeaderOf(item.image, FileRole::kImage).high);
  HeaderOf(item.mask, FileRole::kMask);
  EXPECT_EQ(folder->label_rows.size(), 3u);
  EXPECT_EQ(item.facts.structures.at(1).structures, 1);
  EXPECT_THAT(folder->warnings, testing::Contains(HasSubstr("look like CT: give --window")));
}

TEST_F(VolumeFolderTest, AWindowIsTheSameForAllAndNamed) {
  AddPairs(2);
  ImportOptions import;
  import.window = *ParseWindow("ct-soft-tissue");
  const absl::StatusOr<ImageFolder> folder = Scan(import);
  ASSERT_TRUE(folder.ok()) << folder.status();
  for (const FolderItem& item : folder->items) {
    const NiftiHeader header = HeaderOf(item.image, FileRole::kImage);
    EXPECT_EQ(header.low, -160);
    EXPECT_EQ(header.high, 240);
  }
  EXPECT_THAT(folder->notes, testing::Contains(HasSubstr("window ct-soft-tissue")));
}

TEST_F(VolumeFolderTest, PicturesAmongVolumesAreNamed) {
  AddPairs(2);
  WriteFile(dir() / "images" / "x.png", Encode(".png", Clutter(16, 16)));
  EXPECT_THAT(RefusalOf(), AllOf(HasSubstr("x.png"), HasSubstr("pictures or of volumes")));
}

TEST_F(VolumeFolderTest, AVolumeAmongPicturesIsNamed) {
  for (const char* name : {"a", "b", "c"}) {
    WriteFile(dir() / "images" / (std::string(name) + ".png"), Encode(".png", Clutter(16, 16)));
  }
  Write("images/x.nii.gz", Phantom(0).image, NiftiType::kInt16);
  EXPECT_THAT(RefusalOf(),
              AllOf(HasSubstr("x.nii.gz: is a volume among pictures"), Not(HasSubstr("a.png"))));
}

TEST_F(VolumeFolderTest, AMaskMustHaveItsVolumesGridAndWholeLabels) {
  AddPairs(3);
  VolumePhantom phantom = Phantom(0);
  phantom.mask.grid.affine[3] += 40;
  Write("masks/case0.nii.gz", phantom.mask, NiftiType::kUint8);
  Write("masks/case1.nii.gz", MakeVolumePhantom({.size = 20}, 1).mask, NiftiType::kUint8);
  phantom = Phantom(2);
  for (float& value : phantom.mask.voxels) value /= 2;
  Write("masks/case2.nii.gz", phantom.mask, NiftiType::kFloat32);
  EXPECT_THAT(RefusalOf(),
              AllOf(HasSubstr("case0.nii.gz: the mask lies elsewhere in space"),
                    HasSubstr("case1.nii.gz: the mask has 20x20x12 voxels, its volume 16x16x10"),
                    HasSubstr("no whole numbers from 0 to 255")));
}

TEST_F(VolumeFolderTest, FilesAloneAndStrayLabelsAreNamed) {
  AddPairs(2);
  fs::remove(dir() / "masks" / "case1.nii.gz");
  EXPECT_THAT(RefusalOf(), HasSubstr("case1.nii.gz: has no mask"));
  AddPairs(2);
  const absl::StatusOr<ImageFolder> folder =
      ScanAnyDataset(dir(), *LabelTable::Parse("organ=1"), {}, {});
  EXPECT_THAT(std::string(folder.status().message()), HasSubstr("2"));
}

TEST_F(VolumeFolderTest, TheFoldersOfTheDecathlonAreRead) {
  AddPairs(2);
  fs::rename(dir() / "images", dir() / "imagesTr");
  fs::rename(dir() / "masks", dir() / "labelsTr");
  for (const char* stem : {"case0", "case1"}) {
    fs::rename(dir() / "imagesTr" / (std::string(stem) + ".nii.gz"),
               dir() / "imagesTr" / (std::string(stem) + "_0000.nii.gz"));
  }
  const absl::StatusOr<ImageFolder> folder = Scan();
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ(folder->items[0].name, "case0");
  EXPECT_THAT(folder->notes, testing::Contains(HasSubstr("imagesTr")));
}

TEST_F(VolumeFolderTest, ReferencesAreVolumesAloneAndPicturesStayPictures) {
  AddPairs(2);
  const absl::StatusOr<ImageFolder> references = ScanAnyReferences(dir() / "images");
  ASSERT_TRUE(references.ok()) << references.status();
  EXPECT_EQ(references->items.size(), 2u);
  EXPECT_TRUE(references->items[0].mask.empty());
  fs::create_directories(dir() / "pictures");
  WriteFile(dir() / "pictures" / "x.png", Encode(".png", Clutter(16, 16)));
  const absl::StatusOr<ImageFolder> pictures = ScanAnyReferences(dir() / "pictures");
  ASSERT_TRUE(pictures.ok()) << pictures.status();
  EXPECT_EQ(pictures->items[0].depth, 0);
}

TEST(VolumePhantomTest, DomainsShareMasksAndDifferInValues) {
  const VolumePhantom source = MakeVolumePhantom({.seed = 3, .size = 24}, 1);
  const VolumePhantom target =
      MakeVolumePhantom({.domain = PhantomDomain::kTargetA, .seed = 3, .size = 24}, 1);
  EXPECT_EQ(source.mask.voxels, target.mask.voxels);
  EXPECT_NE(source.image.voxels, target.image.voxels);
  EXPECT_EQ(MakeVolumePhantom({.seed = 3, .size = 24}, 1).image.voxels, source.image.voxels);
  for (const float label : {1.0F, 2.0F}) {
    EXPECT_GT(std::ranges::count(source.mask.voxels, label), 10) << label;
  }
}

}  // namespace
}  // namespace alignflow
