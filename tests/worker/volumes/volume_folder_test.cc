#include "worker/volumes/volume_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/data/volume_probe.h"
#include "tests/common/temp_folder.h"
#include "tests/worker/data/test_images.h"
#include "tests/worker/volumes/slice_bytes.h"
#include "worker/volumes/volume_file.h"
#include "worker/volumes/volume_layout.h"
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

TEST_F(VolumeFolderTest, TablesSayWhatVolumesAreAndDoNotLeadOutOfTheFolder) {
  AddPairs(2);
  WriteFile(dir() / "groups.csv", "case0,p1\ncase1.nii.gz,p2\n");
  WriteFile(dir() / "classes.csv", "case0,healthy\ncase1,ill\n");
  const absl::StatusOr<ImageFolder> folder = Scan();
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ(folder->items[1].group, "p2");
  EXPECT_EQ(folder->items[1].image_class, "ill");
  EXPECT_THAT(folder->notes, testing::Contains("classes.csv: 2 volumes in 2 classes"));

  const TempFolder elsewhere;
  WriteFile(elsewhere.path() / "classes.csv", "case0,healthy\ncase1,ill\n");
  fs::remove(dir() / "classes.csv");
  fs::create_symlink(elsewhere.path() / "classes.csv", dir() / "classes.csv");
  EXPECT_THAT(RefusalOf(), HasSubstr("classes.csv"));
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

// A folder of a DICOM series of three slices.
class SeriesFolderTest : public VolumeFolderTest {
 protected:
  void AddSeries(const std::string& name, const std::string& modality = "CT",
                 const std::string& photometric = "MONOCHROME2") {
    fs::create_directories(dir() / name);
    for (int k = 0; k < 3; ++k) {
      DicomBytes slice = SliceBytes(k, 100 * k);
      slice.Text(0x00080060, "CS", modality).Text(0x00280004, "CS", photometric);
      WriteFile(dir() / name / std::to_string(9 - k), slice.File());
    }
  }
  // Masks of such a series: voxel (2, 2, 2) and voxel (0, 0, 0) show label 1 and 2.
  void AddSegmentation(const std::string& name) {
    WriteFile(dir() / name, SegmentationBytes({2, 0},
                                              "010000000000"
                                              "000000000001")
                                .File());
  }
  Volume Mask() {
    Volume mask{
        .grid = {.size = {4, 3, 3}, .affine = {0.25, 0, 0, -10.75, 0, 0.5, 0, -21, 0, 0, 2, 0}},
        .voxels = std::vector<float>(36)};
    mask.voxels[35 - 1] = 1;
    mask.voxels[0] = 2;
    return mask;
  }
  std::vector<float> VoxelsOf(const fs::path& file) {
    const absl::StatusOr<Volume> volume = ReadVolume(file);
    EXPECT_TRUE(volume.ok()) << volume.status();
    return volume.ok() ? volume->voxels : std::vector<float>();
  }
};

TEST_F(SeriesFolderTest, SeriesAndMasksOfAnyFormatBecomeFilesOfTheFormThatIsStored) {
  for (const char* name : {"nifti", "dicom", "slicer"}) AddSeries(std::string("images/") + name);
  Write("masks/nifti.nii.gz", Mask(), NiftiType::kUint8);
  AddSegmentation("masks/dicom.dcm");
  // The two voxels' box: 3 x 3 x 3 of the 4 x 3 x 3.
  std::string voxels(27, '\0');
  voxels[0] = 2;
  voxels[26] = 1;
  WriteFile(dir() / "masks" / "slicer.seg.nrrd",
            "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 3 3 3\nencoding: raw\nspace: RAS\n"
            "space directions: (0.25,0,0) (0,0.5,0) (0,0,2)\nspace origin: (-10.75,-21,0)\n"
            "Segment0_LabelValue:=1\n\n" +
                voxels);
  const absl::StatusOr<ImageFolder> folder = Scan();
  ASSERT_TRUE(folder.ok()) << folder.status();
  ASSERT_EQ(folder->items.size(), 3u);
  EXPECT_EQ(folder->items[0].name, "000001") << "names of series may be those of patients";
  EXPECT_EQ(folder->items[0].GivenImage(), dir() / "images" / "dicom");
  for (const FolderItem& item : folder->items) {
    HeaderOf(item.image, FileRole::kImage);
    HeaderOf(item.mask, FileRole::kMask);
    EXPECT_EQ(VoxelsOf(item.image).back(), 200);
    EXPECT_EQ(VoxelsOf(item.mask), Mask().voxels) << item.GivenMask();
  }
  ImportOptions keep;
  keep.stems = StemRule::kKeep;
  const absl::StatusOr<ImageFolder> kept = Scan(keep);
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(kept->items[2].name, "slicer");
}

TEST_F(SeriesFolderTest, AWindowOfCtIsForSeriesOfCt) {
  AddSeries("images/a", "MR");
  AddSegmentation("masks/a.dcm");
  ImportOptions import;
  import.window = *ParseWindow("ct-lung");
  const absl::StatusOr<ImageFolder> folder = Scan(import);
  EXPECT_THAT(std::string(folder.status().message()),
              AllOf(HasSubstr("images/a: its modality is 'MR', and ct-lung is a window of CT"),
                    HasSubstr("give --window CENTRE,WIDTH")));
}

TEST_F(SeriesFolderTest, BlackAndWhiteAreExchangedWhereLowValuesAreWhite) {
  AddSeries("images/a", "CT", "MONOCHROME1");
  AddSegmentation("masks/a.dcm");
  ImportOptions import;
  import.window = ChosenWindow{.window = {.centre = 100, .width = 200}, .name = ""};
  const absl::StatusOr<ImageFolder> folder = Scan(import);
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ(VoxelsOf(folder->items[0].image).back(), 0);
  EXPECT_EQ(HeaderOf(folder->items[0].image, FileRole::kImage).high, 200);
  EXPECT_THAT(folder->notes, testing::Contains(HasSubstr("MONOCHROME1")));
}

TEST_F(SeriesFolderTest, FaultsNameTheFolderTheReasonAndTheRemedy) {
  for (const char* name : {"a", "b", "c"}) {
    AddSeries(std::string("images/") + name);
    AddSegmentation(std::string("masks/") + name + ".dcm");
  }
  fs::remove(dir() / "images" / "a" / "8");
  fs::create_directories(dir() / "images" / "b" / "more");
  fs::create_directories(dir() / "images" / "d" / "series");
  WriteFile(dir() / "images" / "d" / "series" / "1", SliceBytes(0).File());
  EXPECT_THAT(RefusalOf(), AllOf(HasSubstr("images/d: holds 1 image and would be left out"),
                                 HasSubstr("the DICOM files of one series")));
  fs::remove_all(dir() / "images" / "d");
  AddSeries("images/a");
  fs::remove(dir() / "images" / "a" / "8");
  fs::remove(dir() / "images" / "a" / "9");
  EXPECT_THAT(RefusalOf(),
              AllOf(HasSubstr("images/a: it holds 1 slice"), HasSubstr("whole series")));
}

TEST_F(SeriesFolderTest, AMaskElsewhereIsRefused) {
  AddSeries("images/a");
  WriteFile(dir() / "masks" / "a.dcm", SegmentationBytes({0.5}, "010000000000").File());
  EXPECT_THAT(RefusalOf(), HasSubstr("masks/a.dcm: the segmentation's frame 1 does not lie on"));
}

TEST_F(SeriesFolderTest, ReferencesAreFoldersOfSeriesToo) {
  for (const char* name : {"r/a", "r/b"}) AddSeries(name);
  const absl::StatusOr<ImageFolder> references = ScanAnyReferences(dir() / "r");
  ASSERT_TRUE(references.ok()) << references.status();
  EXPECT_EQ(references->items.size(), 2u);
  EXPECT_EQ(references->items[0].depth, 3);
}

TEST_F(SeriesFolderTest, SlicesThatLieInTheFolderOfImagesStayPictures) {
  for (int k = 0; k < 3; ++k) {
    WriteFile(dir() / "images" / (std::to_string(k) + ".dcm"), SliceBytes(k).File());
    WriteFile(dir() / "masks" / (std::to_string(k) + ".png"),
              Encode(".png", cv::Mat(3, 4, CV_8U, cv::Scalar(1))));
  }
  EXPECT_FALSE(HoldsVolumes(dir()));
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

class StructureFolderTest : public VolumeFolderTest {
 protected:
  // A phantom's mask, a file for each label, under the label's name.
  void AddStructures(int index) {
    const VolumePhantom phantom = Phantom(index);
    const std::string stem = "case" + std::to_string(index);
    Write("images/" + stem + ".nii.gz", phantom.image, NiftiType::kInt16);
    fs::create_directories(dir() / "masks" / stem);
    const LabelTable table = VolumePhantomLabels();
    for (const LabelTable::Label& label : table.labels()) {
      Volume structure = phantom.mask;
      for (float& voxel : structure.voxels) {
        voxel = voxel == static_cast<float>(label.value) ? 1.0F : 0.0F;
      }
      Write("masks/" + stem + "/" + label.name + ".nii.gz", structure, NiftiType::kUint8);
    }
  }
  std::string FirstLabel() { return VolumePhantomLabels().labels().front().name; }
};

TEST_F(StructureFolderTest, AMaskMayBeAFolderWithAFileForEachStructure) {
  for (int i = 0; i < 2; ++i) AddStructures(i);
  for (const char* stem : {"case0", "case1"}) {
    WriteFile(dir() / "masks" / stem / "statistics.json", "{}");
  }
  const absl::StatusOr<ImageFolder> parts = Scan();
  ASSERT_TRUE(parts.ok()) << parts.status();
  ASSERT_EQ(parts->items.size(), 2u);
  EXPECT_EQ(parts->labels, VolumePhantomLabels());
  EXPECT_EQ(parts->items[1].GivenMask(), dir() / "masks" / "case1");
  EXPECT_THAT(parts->warnings,
              testing::Contains(AllOf(HasSubstr("2 files beside structures"),
                                      HasSubstr("masks/case0/statistics.json and so on"))));
  std::vector<std::string> masks;
  for (const FolderItem& item : parts->items) masks.push_back(ReadFile(item.mask));

  fs::remove_all(dir() / "masks");
  fs::create_directories(dir() / "masks");
  AddPairs(2);
  const absl::StatusOr<ImageFolder> whole = Scan();
  ASSERT_TRUE(whole.ok()) << whole.status();
  for (size_t i = 0; i < masks.size(); ++i) EXPECT_EQ(masks[i], ReadFile(whole->items[i].mask));
}

TEST_F(StructureFolderTest, WithoutLabelsStructuresAreNumberedByName) {
  for (int i = 0; i < 2; ++i) AddStructures(i);
  const VolumePhantom phantom = Phantom(0);
  Write(
      "masks/case1/Left Kidney.nii.gz",
      [&] {
        Volume none = phantom.mask;
        std::ranges::fill(none.voxels, 0.0F);
        return none;
      }(),
      NiftiType::kUint8);
  const absl::StatusOr<ImageFolder> folder = ScanAnyDataset(dir(), std::nullopt);
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ(folder->labels_from, LabelOrigin::kNamed);
  std::vector<std::string> expected{"left_kidney"};
  const LabelTable table = VolumePhantomLabels();
  for (const LabelTable::Label& label : table.labels()) {
    expected.push_back(label.name);
  }
  std::ranges::sort(expected);
  EXPECT_EQ(folder->labels.Names(), expected);
  EXPECT_THAT(folder->warnings, testing::Contains(HasSubstr("left_kidney")));
}

TEST_F(StructureFolderTest, LabelsChooseAmongStructures) {
  AddStructures(0);
  const std::string first = FirstLabel();
  const auto one = LabelTable::Parse(first + "=7");
  const absl::StatusOr<ImageFolder> folder = ScanAnyDataset(dir(), *one);
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_THAT(folder->label_rows, testing::SizeIs(2));
  EXPECT_EQ(folder->label_rows[1].value, 7);
  EXPECT_GT(folder->label_rows[1].pixels, 0);
  EXPECT_THAT(folder->notes, testing::Contains(HasSubstr("without a label left out: ")));
  const auto other = LabelTable::Parse("stomach=1");
  EXPECT_THAT(std::string(ScanAnyDataset(dir(), *other).status().message()),
              AllOf(HasSubstr("no structure has a label's name"), HasSubstr("--labels")));
}

TEST_F(StructureFolderTest, StructuresThatCannotBeOneMaskAreRefusedByFile) {
  AddStructures(0);
  const VolumePhantom phantom = Phantom(0);
  const std::string first = "masks/case0/" + FirstLabel() + ".nii.gz";
  const std::string good = ReadFile(dir() / first);
  Volume all = phantom.mask;
  std::ranges::fill(all.voxels, 1.0F);
  Write(first, all, NiftiType::kUint8);
  EXPECT_THAT(RefusalOf(),
              AllOf(HasSubstr("case0"), HasSubstr(".nii.gz covers "), HasSubstr(" of others; ")));
  all.voxels[0] = 2;
  Write(first, all, NiftiType::kUint8);
  EXPECT_THAT(RefusalOf(), HasSubstr(FirstLabel() + ".nii.gz holds several values"));
  WriteFile(dir() / first, good.substr(0, good.size() / 2));
  EXPECT_THAT(RefusalOf(), HasSubstr("of its structures, " + FirstLabel() + ".nii.gz: "));
  WriteFile(dir() / first, good);
  WriteFile(dir() / "masks" / "case0" / (FirstLabel() + ".nii"), "");
  EXPECT_THAT(RefusalOf(), HasSubstr("is of the same structure as"));
  fs::remove(dir() / "masks" / "case0" / (FirstLabel() + ".nii"));
  EXPECT_TRUE(Scan().ok());

  // One file among folders says its values only with labels.
  const VolumePhantom second = Phantom(1);
  Write("images/case1.nii.gz", second.image, NiftiType::kInt16);
  Write("masks/case1.nii.gz", second.mask, NiftiType::kUint8);
  EXPECT_TRUE(Scan().ok());
  EXPECT_THAT(std::string(ScanAnyDataset(dir(), std::nullopt).status().message()),
              HasSubstr("some masks are folders of structures, and some are files"));
}

}  // namespace
}  // namespace alignflow
