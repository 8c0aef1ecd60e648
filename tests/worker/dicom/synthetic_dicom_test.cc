#include "worker/dicom/synthetic_dicom.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <opencv2/core.hpp>
#include <set>

#include "tests/worker/dicom/dicom_bytes.h"
#include "worker/dicom/dicom_fields.h"
#include "worker/dicom/dicom_frame.h"
#include "worker/dicom/segment_frame.h"

namespace alignflow {
namespace {

using testing::HasSubstr;
using testing::Not;

const SyntheticOrigin kOrigin{
    .job = "jobs/7a", .pair = 3, .kind = "generated", .digest = "ab", .made_s = 1767323045};

cv::Mat RandomPixels(int rows, int columns, int type) {
  cv::Mat noise(rows, columns, type);
  cv::RNG random(7);
  random.fill(noise, cv::RNG::UNIFORM, 0, 256);
  return noise;
}

// As our own reader shows the first frame.
cv::Mat ShownFirst(const std::string& file) {
  const auto dicom = ParseDicom(file);
  EXPECT_TRUE(dicom.ok()) << dicom.status();
  return *ShownFrame(*dicom, 0, std::nullopt);
}

// Two segments, and one that is nowhere; of 15 pixels a frame, which is no whole number of bytes.
SyntheticMask ThreeSegments() {
  cv::Mat classes = cv::Mat::zeros(3, 5, CV_8UC1);
  classes.at<uint8_t>(0, 4) = 1;
  classes.row(2).setTo(2);
  SyntheticMask mask;
  mask.frames = {classes};
  mask.segments = {{"polyp"}, {"cup", 0xff0000}, {"absent"}};
  return mask;
}

std::string RefusedAsMask(const std::string& file) {
  const auto dicom = ParseDicom(file);
  EXPECT_TRUE(dicom.ok()) << dicom.status();
  return std::string(LabelsOfPicture(*dicom).status().message());
}

// A segmentation of pictures of 4 x 3 pixels, a frame for each of these segments.
DicomBytes PictureSegmentation(const std::vector<int>& segments, const std::string& pixels) {
  DicomBytes file;
  file.Text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.66.4").Text(0x00080060, "CS", "SEG");
  file.Short(0x00280002, 1).Text(0x00280004, "CS", "MONOCHROME2");
  file.Text(0x00280008, "IS", std::to_string(segments.size()));
  file.Short(0x00280010, 3).Short(0x00280011, 4);
  file.Short(0x00280100, 1).Short(0x00280101, 1).Short(0x00280102, 0).Short(0x00280103, 0);
  file.Text(0x00620001, "CS", "BINARY");
  std::vector<DicomBytes> frames;
  for (const int segment : segments) {
    DicomBytes frame{DicomBytes::Empty{}}, own{DicomBytes::Empty{}};
    frames.push_back(frame.Sequence(0x0062000a, own.Short(0x0062000b, segment)));
  }
  return file.Sequence(0x52009230, frames).Value(0x7fe00010, "OB", pixels);
}

TEST(SyntheticDicomTest, PicturesKeepEveryPixel) {
  const cv::Mat colours = RandomPixels(7, 5, CV_8UC3), grey = RandomPixels(7, 5, CV_8UC1);
  const auto file = PackSyntheticImage(kOrigin, {.frames = {colours}, .shown = {}, .planes = {}});
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(cv::norm(ShownFirst(*file), colours, cv::NORM_INF), 0);
  EXPECT_EQ(ParseDicom(*file)->header.photometric, "RGB");
  cv::Mat equal;
  cv::merge(std::vector<cv::Mat>{grey, grey, grey}, equal);
  const auto greys = PackSyntheticImage(kOrigin, {.frames = {equal}, .shown = {}, .planes = {}});
  ASSERT_TRUE(greys.ok()) << greys.status();
  EXPECT_EQ(cv::norm(ShownFirst(*greys), grey, cv::NORM_INF), 0);
  EXPECT_EQ(ParseDicom(*greys)->header.photometric, "MONOCHROME2");
}

TEST(SyntheticDicomTest, MasksKeepEveryPixelAndTheNamesOfTheirSegments) {
  const auto file = PackSyntheticMask(kOrigin, ThreeSegments());
  ASSERT_TRUE(file.ok()) << file.status();
  const auto dicom = ParseDicom(*file);
  ASSERT_TRUE(dicom.ok()) << dicom.status();
  EXPECT_EQ(dicom->header.frames, 3);
  const auto labels = LabelsOfPicture(*dicom);
  ASSERT_TRUE(labels.ok()) << labels.status();
  EXPECT_EQ(cv::norm(*labels, ThreeSegments().frames[0], cv::NORM_INF), 0);
  for (const char* name : {"polyp", "cup", "absent"}) EXPECT_THAT(*file, HasSubstr(name));
}

TEST(SyntheticDicomTest, TheSamePairIsTheSameFileAndNoOtherHasItsUids) {
  const SyntheticImage image{.frames = {RandomPixels(4, 4, CV_8UC3)}, .shown = {}, .planes = {}};
  EXPECT_EQ(*PackSyntheticImage(kOrigin, image), *PackSyntheticImage(kOrigin, image));
  EXPECT_EQ(*PackSyntheticMask(kOrigin, ThreeSegments()),
            *PackSyntheticMask(kOrigin, ThreeSegments()));
  std::set<std::string> series;
  SyntheticOrigin job = kOrigin, pair = kOrigin, digest = kOrigin;
  job.job = "jobs/7b";
  pair.pair = 4;
  digest.digest = "ac";
  for (const SyntheticOrigin& origin : {kOrigin, job, pair, digest}) {
    series.insert(ParseDicom(*PackSyntheticImage(origin, image))->header.series);
    series.insert(ParseDicom(*PackSyntheticMask(origin, ThreeSegments()))->header.series);
  }
  EXPECT_EQ(series.size(), 8u);
}

TEST(SyntheticDicomTest, OnlyImagesThatAreMadeOfNoOtherAreSaidToShowNobody) {
  const auto kept = [](const std::string& kind) {
    SyntheticOrigin origin = kOrigin;
    origin.kind = kind;
    return *PackSyntheticImage(
        origin, {.frames = {RandomPixels(4, 4, CV_8UC3)}, .shown = {}, .planes = {}});
  };
  // Burned In Annotation: "NO".
  const std::string no(
      "\x28\x00\x01\x03"
      "CS\x02\x00NO",
      10);
  EXPECT_THAT(kept("generated"), HasSubstr(no));
  for (const char* kind : {"restyled", "recoloured", ""})
    EXPECT_THAT(kept(kind), Not(HasSubstr(no)));
  // Patient Identity Removed: "YES".
  const std::string removed(
      "\x12\x00\x62\x00"
      "CS\x04\x00YES ",
      12);
  EXPECT_THAT(kept("generated"), HasSubstr(removed));
  for (const char* kind : {"restyled", "recoloured", ""}) {
    EXPECT_THAT(kept(kind), Not(HasSubstr(removed)));
  }
  // Synthetic Data: "YES ", whatever it is.
  const std::string yes(
      "\x08\x00\x1c\x00"
      "CS\x04\x00YES ",
      12);
  for (const char* kind : {"generated", "restyled", ""}) EXPECT_THAT(kept(kind), HasSubstr(yes));
}

TEST(SyntheticDicomTest, NumbersAndUidsAreAsTheStandardHasThem) {
  EXPECT_EQ(DecimalText(0.1), "0.1");
  EXPECT_EQ(DecimalText(-0.0), "0");
  EXPECT_EQ(DecimalText(-123.45678901234567), "-123.45678901235");
  EXPECT_EQ(DecimalText(-1e-7 / 3), "-3.333333333e-08");
  // SHA-256 of "abc" begins with ba7816bf8f01cfea414140de5dae2223; with version and variant it is
  // ba7816bf-8f01-8fea-8141-40de5dae2223.
  EXPECT_EQ(DerivedUid("abc"), "2.25.247859944228867097191300499870369849891");
}

TEST(SegmentFrameTest, SegmentsThatAreNoLabelsOfAPictureAreRefused) {
  const std::string first_row("\x0f\x00\x00", 3);
  EXPECT_THAT(RefusedAsMask(PictureSegmentation({1, 2}, first_row).File()),
              Not(HasSubstr("overlap")));
  // Bit 12 is the first pixel of the second frame.
  EXPECT_THAT(RefusedAsMask(PictureSegmentation({1, 2}, std::string("\x0f\x10\x00", 3)).File()),
              HasSubstr("segments overlap"));
  EXPECT_THAT(RefusedAsMask(PictureSegmentation({1, 1}, first_row).File()),
              HasSubstr("several frames"));
  EXPECT_THAT(RefusedAsMask(PictureSegmentation({300}, first_row).File()), HasSubstr("1 to 255"));
  EXPECT_THAT(RefusedAsMask(DicomBytes(Ramp(3, 4)).File()), HasSubstr("no segmentation"));
}

}  // namespace
}  // namespace alignflow
