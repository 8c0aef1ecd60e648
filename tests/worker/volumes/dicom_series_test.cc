#include "worker/volumes/dicom_series.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/common/temp_folder.h"
#include "tests/worker/volumes/slice_bytes.h"

namespace alignflow {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class DicomSeriesTest : public testing::Test {
 protected:
  void Write(const std::string& name, const DicomBytes& slice) {
    WriteFile(folder_.path() / name, slice.File());
  }
  // Slices at 0, 1, 2, 3 in files whose names say nothing of it.
  void WriteFour() {
    Write("b", SliceBytes(0));
    Write("d.dcm", SliceBytes(1, 100));
    Write("a", SliceBytes(2, 200));
    Write("c.ima", SliceBytes(3, 300));
  }
  std::string Refusal() {
    const absl::StatusOr<Volume> volume = ReadSeries(folder_.path());
    EXPECT_FALSE(volume.ok());
    EXPECT_FALSE(ReadSeriesGrid(folder_.path()).ok()) << "said of headers alone";
    EXPECT_THAT(std::string(volume.status().message()), HasSubstr("; ")) << "a remedy";
    return std::string(volume.status().message());
  }

  TempFolder folder_;
};

TEST_F(DicomSeriesTest, SlicesAreSortedByTheirPlacesAndTurnedToThePatientsAxes) {
  WriteFour();
  const absl::StatusOr<Volume> volume = ReadSeries(folder_.path());
  ASSERT_TRUE(volume.ok()) << volume.status();
  EXPECT_EQ(volume->grid.size, (std::array<int64_t, 3>{4, 3, 4}));
  EXPECT_EQ(volume->modality, "CT");
  EXPECT_FALSE(volume->tilted);
  // Column 1, row 2 of slice 3 lies at 10.25 left, 21 back and 6 up.
  const std::array<double, 12>& affine = volume->grid.affine;
  EXPECT_EQ(affine, (std::array<double, 12>{0.25, 0, 0, -10.75, 0, 0.5, 0, -21, 0, 0, 2, 0}));
  EXPECT_EQ(volume->At(2, 0, 3), 300 + 4 * 2 + 1);
  EXPECT_EQ(volume->At(3, 2, 0), 0);
  EXPECT_EQ(volume->At(0, 0, 1), 100 + 11);
}

TEST_F(DicomSeriesTest, EachSliceHasItsOwnSlopeAndIntercept) {
  WriteFour();
  Write("d.dcm", SliceBytes(1).Text(0x00281052, "DS", "-1024").Text(0x00281053, "DS", "0.5"));
  const absl::StatusOr<Volume> volume = ReadSeries(folder_.path());
  ASSERT_TRUE(volume.ok()) << volume.status();
  EXPECT_EQ(volume->At(0, 0, 1), 0.5F * 11 - 1024);
  EXPECT_EQ(volume->At(0, 0, 2), 200 + 11);
}

TEST_F(DicomSeriesTest, ATiltedGantryStaysInTheAffine) {
  for (int k = 0; k < 4; ++k) {
    Write(std::to_string(k),
          SliceBytes(k).Text(0x00200032, "DS", absl::StrFormat("10\\%g\\%d", 20 + 0.5 * k, 2 * k)));
  }
  const absl::StatusOr<Volume> volume = ReadSeries(folder_.path());
  ASSERT_TRUE(volume.ok()) << volume.status();
  EXPECT_TRUE(volume->tilted);
  EXPECT_EQ(volume->grid.affine[6], -0.5);
  EXPECT_EQ(volume->grid.affine[10], 2);
}

TEST_F(DicomSeriesTest, FramesOfOneFileAreSlices) {
  Write("volume", FramesBytes({3, 1, 0, 2}));
  EXPECT_TRUE(IsSeriesFolder(folder_.path()));
  for (const auto& path : {folder_.path(), folder_.path() / "volume"}) {
    const absl::StatusOr<Volume> volume = ReadSeries(path);
    ASSERT_TRUE(volume.ok()) << volume.status();
    EXPECT_EQ(volume->grid.size, (std::array<int64_t, 3>{4, 3, 4}));
    for (int k = 0; k < 4; ++k) EXPECT_EQ(volume->At(3, 2, k), 100 * k);
  }
  Write("other", SliceBytes(7).Text(0x0020000e, "UI", ""));
  EXPECT_THAT(Refusal(), HasSubstr("files of several frames"));
}

TEST_F(DicomSeriesTest, SeveralSeriesAreNamed) {
  WriteFour();
  Write("c.ima", SliceBytes(3).Text(0x0020000e, "UI", "1.2.4"));
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("several series"), HasSubstr("c.ima"),
                               HasSubstr("folder of its own")));
}

TEST_F(DicomSeriesTest, MissingAndDoubleSlicesAreNamed) {
  WriteFour();
  Write("e", SliceBytes(6));
  EXPECT_THAT(Refusal(), HasSubstr("slices are missing: 6 mm between c.ima and e, 2 between most"));
  Write("e", SliceBytes(2));
  EXPECT_THAT(Refusal(), HasSubstr("two slices lie at the same place: a and e"));
  Write("e", SliceBytes(3.8));
  EXPECT_THAT(Refusal(), HasSubstr("do not lie evenly"));
}

TEST_F(DicomSeriesTest, SeveralTimesAreToldFromDoubleSlices) {
  WriteFour();
  for (int k = 0; k < 4; ++k) Write("later" + std::to_string(k), SliceBytes(k));
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("8 slices at 4 places: 2 volumes"), HasSubstr("4-D")));
}

TEST_F(DicomSeriesTest, SlicesThatAreNoVolumeAreRefused) {
  const auto refusal = [&](const DicomBytes& other) {
    WriteFour();
    Write("c.ima", other);
    return Refusal();
  };
  EXPECT_THAT(refusal(SliceBytes(3).Without(0x00200032)),
              HasSubstr("c.ima does not say where it lies"));
  EXPECT_THAT(refusal(SliceBytes(3).Without(0x00280030)), HasSubstr("spacing of 0 and 0 mm"));
  EXPECT_THAT(refusal(SliceBytes(3).Text(0x00280030, "DS", "-1\\1")), HasSubstr("spacing of -1"));
  EXPECT_THAT(refusal(SliceBytes(3).Text(0x00280030, "DS", "0.6\\0.25")), HasSubstr("of 0.5"));
  EXPECT_THAT(refusal(SliceBytes(3).Text(0x00200037, "DS", "1\\0\\0\\0\\0\\-1")),
              HasSubstr("another direction"));
  EXPECT_THAT(refusal(SliceBytes(3).Text(0x00200037, "DS", "1\\0\\0\\1\\0\\0")),
              HasSubstr("right angles"));
  EXPECT_THAT(refusal(SliceBytes(3).Text(0x00280004, "CS", "RGB")), HasSubstr("colours (RGB)"));
  EXPECT_THAT(refusal(SliceBytes(3).Text(0x00280004, "CS", "MONOCHROME1")),
              HasSubstr("MONOCHROME1"));
  EXPECT_THAT(refusal(SliceBytes(3).Text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.66.4")),
              HasSubstr("a segmentation"));
  DicomBytes larger(Ramp(4, 4, CV_16S));
  AddPlace(larger.Text(0x0020000e, "UI", "1.2.3"), "10\\20\\6");
  EXPECT_THAT(refusal(larger), HasSubstr("c.ima has 4x4 pixels, a 4x3"));
  WriteFour();
  WriteFile(folder_.path() / "c.ima", SliceBytes(3).File("1.2.840.10008.1.2.4.102"));
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("c.ima: "), HasSubstr("MPEG-4")));
}

TEST_F(DicomSeriesTest, OneSliceAndSlicesAtOnePlaceAreNoVolume) {
  Write("a", SliceBytes(0));
  EXPECT_FALSE(IsSeriesFolder(folder_.path()));
  EXPECT_THAT(Refusal(), HasSubstr("it holds 1 slice"));
  Write("b", SliceBytes(0));
  EXPECT_TRUE(IsSeriesFolder(folder_.path()));
  EXPECT_THAT(Refusal(), HasSubstr("all 2 slices lie at the same place"));
}

TEST_F(DicomSeriesTest, MemoryIsNotTakenByWhatHeadersClaim) {
  WriteFour();
  for (const char* name : {"a", "b", "c.ima", "d.dcm"}) {
    DicomBytes slice = SliceBytes(name[0] - 'a');
    Write(name, slice.Short(0x00280010, 8000).Short(0x00280011, 8000));
  }
  EXPECT_THAT(Refusal(), HasSubstr("8000x8000x4 voxels; at most 256 million"));
}

TEST_F(DicomSeriesTest, ACutFileIsNamed) {
  WriteFour();
  const std::string whole = SliceBytes(3).File();
  WriteFile(folder_.path() / "c.ima", whole.substr(0, whole.size() - 4));
  const absl::StatusOr<Volume> volume = ReadSeries(folder_.path());
  EXPECT_THAT(std::string(volume.status().message()),
              AllOf(HasSubstr("c.ima: "), HasSubstr("damaged")));
}

}  // namespace
}  // namespace alignflow
