// Folders of DICOM files through afctl: what is sent of them, how it is called, and what is said.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "tests/client/folder_fixture.h"
#include "tests/worker/dicom/dicom_bytes.h"
#include "worker/data/image_decode.h"
#include "worker/data/image_file.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// A word for every place of a file that can hold one.
constexpr char kWord[] = "Zeppelin";

class DicomTest : public FolderTest {
 protected:
  // A file with the word in every element that is not needed for the picture.
  static DicomBytes Planted(DicomBytes file) {
    file.Text(0x00080080, "LO", kWord).Text(0x00081030, "LO", kWord);
    file.Text(0x00100010, "PN", kWord).Text(0x00100020, "LO", kWord).Text(0x00104000, "LT", kWord);
    file.Text(0x00200010, "SH", kWord).Text(0x00204000, "LT", kWord);
    file.Text(0x00281055, "LO", kWord).Text(0x00090010, "LO", kWord).Value(0x00091001, "UN", kWord);
    file.Value(0x60003000, "OW", kWord).Text(0x60000022, "LO", kWord);
    DicomBytes item{DicomBytes::Empty{}};
    item.Text(0x00080104, "LO", kWord);
    file.Sequence(0x00321064, item).Value(0xfffcfffc, "OB", kWord);
    return file;
  }
  void AddDicom(const std::string& name, const DicomBytes& file) const {
    folder_.Write(name, Planted(file).File());
  }
  static DicomBytes Ct(int rows, int columns) {
    DicomBytes file(Ramp(rows, columns));
    file.Text(0x00080060, "CS", "CT").Text(0x00281052, "DS", "-1024").Text(0x00281053, "DS", "1");
    return file;
  }
  // images/ of two files of 16 x 16 with masks by their stems.
  void AddTwoPairs() const {
    AddDicom(absl::StrCat("images/", kWord, "^Jane"), Ct(16, 16));
    AddDicom("images/1.2.840.77.dcm", Ct(16, 16));
    Add(absl::StrCat("masks/", kWord, "^Jane.png"), SquareMask(16, 16, 255));
    Add("masks/1.2.840.77.png", SquareMask(16, 16, 255));
  }
  const v1::Manifest& manifest() const { return coordinator_.datasets.created.manifest(); }
  std::vector<std::string> Stems() const {
    std::vector<std::string> stems;
    for (const v1::DatasetItem& item : manifest().items()) stems.push_back(item.stem());
    return stems;
  }
  cv::Mat Sent(int item) {
    return *DecodeImage(coordinator_.blobs.Get(manifest().items(item).image().sha256()), "image");
  }
  void ExpectNoWordWasSent() {
    EXPECT_THAT(coordinator_.datasets.created.SerializeAsString(), Not(HasSubstr(kWord)));
    for (const v1::DatasetItem& item : manifest().items()) {
      for (const v1::Digest* blob : {&item.image(), &item.mask()}) {
        const std::string bytes = coordinator_.blobs.Get(blob->sha256());
        EXPECT_TRUE(bytes.starts_with("\x89PNG"));
        EXPECT_THAT(bytes, Not(HasSubstr(kWord)));
      }
    }
  }
};

TEST_F(DicomTest, PixelsAloneAreSentUnderNumbers) {
  AddTwoPairs();
  const auto outcome = Push();
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_THAT(Stems(), ElementsAre("000001", "000002"));
  EXPECT_EQ(manifest().sample_bits(), 0);
  ExpectNoWordWasSent();
  EXPECT_THAT(outcome.err,
              AllOf(HasSubstr("2 images of DICOM files"), HasSubstr("--stems keep"),
                    HasSubstr("2 by percentiles of the set: 0.5 % of the values lie below -1023"),
                    HasSubstr("warning: overlays of 2 DICOM files are left out")));
  // The ramp's 256 values, darkest to brightest.
  EXPECT_EQ(Sent(0).at<cv::Vec3b>(0, 0), cv::Vec3b(0, 0, 0));
  EXPECT_EQ(Sent(0).at<cv::Vec3b>(15, 15), cv::Vec3b(255, 255, 255));
  EXPECT_NEAR(Sent(0).at<cv::Vec3b>(8, 0)[0], 128, 2);
}

TEST_F(DicomTest, NamesAreKeptWhereTheUserSaysSo) {
  AddTwoPairs();
  ASSERT_EQ(Push({"--labels", "polyp=255", "--stems", "keep"}).exit, 0);
  EXPECT_THAT(Stems(), ElementsAre("1.2.840.77", absl::StrCat(kWord, "^Jane")));
}

TEST_F(DicomTest, NumbersAreForOtherImagesAsWell) {
  AddThreePairs();
  ASSERT_EQ(Push({"--labels", "polyp=255", "--stems", "number"}).exit, 0);
  EXPECT_THAT(Stems(), ElementsAre("000001", "000002", "000003"));
}

TEST_F(DicomTest, EachFrameIsAnImageAndThoseOfAFileAreAGroup) {
  AddDicom("images/cine", DicomBytes(Ramp(16, 8, CV_8U), 2));
  AddDicom("images/still", DicomBytes(Clutter(8, 8, CV_8U)));
  for (const std::string stem : {"cine_0001", "cine_0002", "still"}) {
    Add(absl::StrCat("masks/", stem, ".png"), SquareMask(8, 8, 255));
  }
  const auto outcome = Push({"--labels", "polyp=255", "--stems", "keep"});
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_THAT(Stems(), ElementsAre("cine_0001", "cine_0002", "still"));
  EXPECT_EQ(Sent(1).at<cv::Vec3b>(0, 0), cv::Vec3b(64, 64, 64));
  EXPECT_EQ(manifest().items(0).group(), manifest().items(1).group());
  EXPECT_NE(manifest().items(0).group(), manifest().items(2).group());
  EXPECT_NE(manifest().items(2).group(), "");
  ExpectNoWordWasSent();
}

TEST_F(DicomTest, ATableOfGroupsMayNameAFileOfSeveralFrames) {
  AddDicom("images/cine", DicomBytes(Ramp(16, 8, CV_8U), 2));
  Add("masks/cine_0001.png", SquareMask(8, 8, 255));
  Add("masks/cine_0002.png", SquareMask(8, 8, 255));
  folder_.Write("groups.csv", "cine,patient-7\n");
  ASSERT_EQ(Push().exit, 0);
  EXPECT_EQ(manifest().items(1).group(), "patient-7");
}

TEST_F(DicomTest, AWindowIsForAllGreysOfMoreThanEightBits) {
  AddDicom("images/a.dcm", Ct(16, 16));  // -1024 to -769
  Add("images/b.png", Ramp(16, 16));
  Add("images/c.png", Clutter(16, 16));
  for (const std::string stem : {"a", "b", "c"}) {
    Add(absl::StrCat("masks/", stem, ".png"), SquareMask(16, 16, 255));
  }
  const auto outcome = Push({"--labels", "polyp=255", "--window", "100,1", "--stems", "keep"});
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(cv::countNonZero(Sent(0).reshape(1)), 0);
  EXPECT_EQ(Sent(1).at<cv::Vec3b>(6, 3)[0], 0);    // 99
  EXPECT_EQ(Sent(1).at<cv::Vec3b>(6, 4)[0], 255);  // 100
  EXPECT_EQ(cv::norm(Sent(2), Clutter(16, 16), cv::NORM_INF), 0);
  EXPECT_THAT(outcome.err, HasSubstr("greys are shown: 2 by --window (centre 100, width 1)"));
}

TEST_F(DicomTest, PercentilesStandInPlaceOfWindowsAndOfTheBitsInUse) {
  cv::Mat outlier = Ramp(16, 16);
  outlier.at<uint16_t>(0, 0) = 65535;
  Add("images/a.png", outlier);
  AddDicom("images/b.dcm",
           DicomBytes(Ramp(16, 16)).Text(0x00281050, "DS", "9").Text(0x00281051, "DS", "1"));
  Add("masks/a.png");
  Add("masks/b.png");
  const auto outcome =
      Push({"--labels", "polyp=255", "--window", "percentiles", "--stems", "keep"});
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  for (const int item : {0, 1}) EXPECT_NEAR(Sent(item).at<cv::Vec3b>(8, 0)[0], 128, 3);
  EXPECT_THAT(outcome.err, HasSubstr("2 by percentiles of the set"));
}

TEST_F(DicomTest, AWindowOfCtIsForCt) {
  AddTwoPairs();
  AddDicom("images/mr", DicomBytes(Ramp(16, 16)).Text(0x00080060, "CS", "MR"));
  Add("masks/mr.png", SquareMask(16, 16, 255));
  ExpectRefusedPush({"images/mr: its modality is 'MR', and ct-lung is a window of CT",
                     "give --window CENTRE,WIDTH"},
                    {"--labels", "polyp=255", "--window", "ct-lung"});
  ExpectRefusedPush({"--window: 'ct-knee' is no window", "ct-brain"},
                    {"--labels", "polyp=255", "--window", "ct-knee"});
}

TEST_F(DicomTest, MasksFollowPixelsThatAreMadeSquare) {
  AddDicom("images/wide", DicomBytes(Ramp(16, 8, CV_8U)).Text(0x00280034, "IS", "1\\2"));
  cv::Mat mask(16, 8, CV_8U, cv::Scalar(0));
  mask(cv::Rect(2, 4, 4, 8)).setTo(255);
  Add("masks/wide.png", mask);
  const auto outcome = Push();
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(Sent(0).size(), cv::Size(16, 16));
  const cv::Mat sent =
      *DecodeMask(coordinator_.blobs.Get(manifest().items(0).mask().sha256()), "mask");
  EXPECT_EQ(sent.size(), cv::Size(16, 16));
  EXPECT_EQ(cv::countNonZero(sent), 8 * 8);
  EXPECT_THAT(outcome.err, HasSubstr("pixels of 1 DICOM file are not square"));
}

TEST_F(DicomTest, AFolderOfASeriesAmongPicturesIsNamed) {
  AddTwoPairs();
  AddDicom("images/case1/1.dcm", Ct(16, 16));
  AddDicom("images/case1/2.dcm", Ct(16, 16));
  ExpectRefusedPush({"images/case1: is a volume among pictures", "a dataset of their own"});
}

TEST_F(DicomTest, FaultsAreToldAtOnceWithNamesAndRemedies) {
  AddTwoPairs();
  AddDicom("images/report", DicomBytes());
  AddDicom("images/video", DicomBytes(Ramp(8, 8, CV_8U)));
  folder_.Write("images/video", Planted(DicomBytes(Ramp(8, 8))).File("1.2.840.10008.1.2.4.102"));
  folder_.Write("images/cut.dcm", Planted(Ct(16, 16)).File().substr(0, 400));
  AddDicom("masks/segmentation.dcm", DicomBytes(Ramp(8, 8, CV_8U)));
  folder_.Write("images/DICOMDIR", DicomBytes().File());
  for (const std::string stem : {"report", "video", "cut"}) {
    Add(absl::StrCat("masks/", stem, ".png"), SquareMask(8, 8, 255));
  }
  ExpectRefusedPush({"4 faults", "images/report: the DICOM file holds no pixels",
                     "images/video: the DICOM file is coded as MPEG-4", "images/cut.dcm: the DICOM",
                     "cut short", "masks/segmentation.dcm: is a DICOM file", "as PNG"});
}

TEST_F(DicomTest, AMaskOfAnotherSizeIsNamedByTheUsersOwnFile) {
  AddDicom("images/a", Ct(16, 16));
  Add("masks/a.png", SquareMask(8, 8, 255));
  ExpectRefusedPush({(path() / "masks/a.png").string(), "8x8", "16x16"});
}

// A segmentation of a picture, whose segment 3 is in the upper half.
DicomBytes HalfSegmented(int rows, int columns) {
  DicomBytes file, group{DicomBytes::Empty{}}, own{DicomBytes::Empty{}};
  file.Text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.66.4").Text(0x00080060, "CS", "SEG");
  file.Short(0x00280002, 1).Text(0x00280004, "CS", "MONOCHROME2").Text(0x00280008, "IS", "1");
  file.Short(0x00280010, rows).Short(0x00280011, columns);
  file.Short(0x00280100, 1).Short(0x00280101, 1).Short(0x00280102, 0).Short(0x00280103, 0);
  file.Text(0x00620001, "CS", "BINARY");
  file.Sequence(0x52009230, group.Sequence(0x0062000a, own.Short(0x0062000b, 3)));
  const auto half = static_cast<size_t>(rows * columns / 16);
  return file.Value(0x7fe00010, "OB", std::string(half, '\xff') + std::string(half, '\0'));
}

TEST_F(DicomTest, SegmentationsAreMasksOfPictures) {
  AddDicom("images/a.dcm", Ct(16, 16));
  Add("images/b.png", Clutter(16, 16));
  for (const std::string stem : {"a", "b"}) {
    AddDicom(absl::StrCat("masks/", stem, ".dcm"), HalfSegmented(16, 16));
  }
  const auto outcome = Push({"--labels", "polyp=3"});
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  ExpectNoWordWasSent();
  for (const v1::DatasetItem& item : manifest().items()) {
    const cv::Mat mask = *DecodeMask(coordinator_.blobs.Get(item.mask().sha256()), "mask");
    EXPECT_EQ(cv::countNonZero(mask == 3), 128);
    EXPECT_EQ(mask.at<uint8_t>(7, 15), 3);
    EXPECT_EQ(mask.at<uint8_t>(8, 0), 0);
  }
}

TEST_F(DicomTest, SegmentationsThatDoNotFitAreNamed) {
  AddDicom("images/a.dcm", Ct(16, 16));
  AddDicom("images/b.dcm", Ct(16, 16));
  AddDicom("masks/a.dcm", HalfSegmented(8, 16));
  AddDicom("masks/b.dcm", HalfSegmented(16, 16).Text(0x00620001, "CS", "FRACTIONAL"));
  ExpectRefusedPush({"masks/a.dcm", "16x8", "16x16", "masks/b.dcm: it is a fractional"});
}

TEST_F(DicomTest, ReferencesMayBeDicomFiles) {
  AddDicom("r1", Ct(16, 16));
  AddDicom("r2", DicomBytes(Clutter(16, 16)));
  const auto outcome = Align();
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  const v1::AlignSpec& spec = coordinator_.jobs.job.spec();
  ASSERT_EQ(spec.references_size(), 2);
  EXPECT_EQ(spec.references(0).stem(), "000001");
  for (const v1::ReferenceImage& reference : spec.references()) {
    EXPECT_THAT(coordinator_.blobs.Get(reference.image().sha256()),
                AllOf(testing::StartsWith("\x89PNG"), Not(HasSubstr(kWord))));
  }
}

TEST_F(DicomTest, AWarningCountsFilesThatSayThatWritingIsBurnedIn) {
  AddDicom("r1", Ct(16, 16).Text(0x00280301, "CS", "YES"));
  AddDicom("r2", Ct(16, 16).Text(0x00280301, "CS", "NO"));
  const auto outcome = Align();
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("1 DICOM file say"), HasSubstr("Burned In Annotation"),
                                 Not(HasSubstr(kWord))));
}

TEST_F(DicomTest, WhatIsConvertedIsWhatIsPushed) {
  AddTwoPairs();
  ASSERT_EQ(Push().exit, 0);
  std::set<std::string> pushed;
  for (const v1::DatasetItem& item : manifest().items()) pushed.insert(item.image().sha256());
  const TestFolder folder;
  const fs::path out = folder.path() / "out";
  const std::vector<std::string> command = {"dataset", "convert", path(), out, "--json"};
  const auto outcome = coordinator_.Run(command);
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(outcome.json()["items"][1]["name"], "000002");
  EXPECT_THAT(outcome.json()["items"][1]["file"].get<std::string>(), HasSubstr("^Jane"));
  std::set<std::string> written;
  for (const auto& entry : fs::directory_iterator(out / "images")) {
    written.insert(Sha256OfString(ReadAll(entry.path())));
  }
  EXPECT_EQ(written, pushed);
  EXPECT_TRUE(fs::exists(out / "masks/000001.png"));
  const auto again = coordinator_.Run(command);
  EXPECT_EQ(again.exit, kExitFailure);
  EXPECT_THAT(again.err, HasSubstr("is not empty"));
}

TEST_F(DicomTest, NothingIsLeftBehindInTheFolderForTemporaryFiles) {
  AddTwoPairs();
  const TestFolder temporary;
  setenv("TMPDIR", temporary.path().c_str(), 1);
  EXPECT_EQ(Push().exit, 0);
  EXPECT_TRUE(fs::is_empty(temporary.path()));
  AddDicom("images/alone", DicomBytes(Ramp(8, 8)));
  EXPECT_EQ(Push().exit, kExitFailure);
  EXPECT_TRUE(fs::is_empty(temporary.path()));
  setenv("TMPDIR", (temporary.path() / "none").c_str(), 1);
  fs::remove(path() / "images/alone");
  const auto outcome = Push();
  unsetenv("TMPDIR");
  EXPECT_EQ(outcome.exit, 0) << outcome.err << "without a TMPDIR that is there, /tmp is taken";
}

}  // namespace
}  // namespace alignflow
