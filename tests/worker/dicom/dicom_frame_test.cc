#include "worker/dicom/dicom_frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/worker/dicom/dicom_bytes.h"

namespace alignflow {
namespace {

using testing::HasSubstr;

cv::Mat Shown(const DicomBytes& file, int64_t frame = 0,
              const std::optional<GreyWindow>& window = std::nullopt) {
  const std::string bytes = file.File();
  const auto dicom = ParseDicom(bytes);
  EXPECT_TRUE(dicom.ok()) << dicom.status();
  const auto shown = ShownFrame(*dicom, frame, window);
  EXPECT_TRUE(shown.ok()) << shown.status();
  return shown.ok() ? *shown : cv::Mat(1, 1, CV_8U, cv::Scalar(0));
}

std::vector<int> Greys(const cv::Mat& shown) {
  EXPECT_EQ(shown.type(), CV_8U);
  return {shown.begin<uint8_t>(), shown.end<uint8_t>()};
}

TEST(DicomFrameTest, SlopeAndInterceptComeBeforeTheWindow) {
  // 0 to 3 become -10, 0, 10, 20; of these 0 to 10 are shown.
  DicomBytes file(Ramp(1, 4));
  file.Text(0x00281052, "DS", "-10").Text(0x00281053, "DS", "10");
  file.Text(0x00281050, "DS", "5").Text(0x00281051, "DS", "10");
  file.Text(0x00281056, "CS", "LINEAR_EXACT");
  EXPECT_THAT(Greys(Shown(file)), testing::ElementsAre(0, 0, 255, 255));
  EXPECT_THAT(Greys(Shown(file, 0, GreyWindow{5, 30, WindowFunction::kLinearExact})),
              testing::ElementsAre(0, 85, 170, 255));
}

TEST(DicomFrameTest, InvertedGreysAndPadding) {
  DicomBytes file(Ramp(1, 4, CV_8U));
  file.Text(0x00281050, "DS", "1.5").Text(0x00281051, "DS", "3");
  file.Text(0x00281056, "CS", "LINEAR_EXACT").Text(0x00280004, "CS", "MONOCHROME1");
  EXPECT_THAT(Greys(Shown(file)), testing::ElementsAre(255, 170, 85, 0));
  file.Short(0x00280120, 0);
  EXPECT_THAT(Greys(Shown(file)), testing::ElementsAre(0, 170, 85, 0));
}

TEST(DicomFrameTest, GreysOfEightBitsWithoutAWindowStayAsTheyAre) {
  const cv::Mat pixels = Ramp(2, 100, CV_8U);
  const cv::Mat shown = Shown(DicomBytes(pixels));
  EXPECT_EQ(cv::norm(shown, pixels, cv::NORM_INF), 0);
}

TEST(DicomFrameTest, BitsThatAreNotInUseAreGone) {
  cv::Mat pixels = Ramp(1, 4);
  pixels += 0xf000;  // an overlay in the upper bits
  DicomBytes file(pixels);
  file.Short(0x00280101, 12).Short(0x00280102, 11);
  const std::string bytes = file.File();
  const auto stored = DecodeFrame(*ParseDicom(bytes), 0);
  ASSERT_TRUE(stored.ok());
  EXPECT_EQ(cv::norm(stored->samples, Ramp(1, 4), cv::NORM_INF), 0);
  // 12 bits, signed.
  file.Value(0x7fe00010, "OW",
             LittleEndian(0x0fff, 2) + LittleEndian(0x0800, 2) + LittleEndian(0x07ff, 2) +
                 LittleEndian(0, 2));
  const std::string with_sign = file.Short(0x00280103, 1).File();
  const auto values = DecodeFrame(*ParseDicom(with_sign), 0);
  EXPECT_EQ(
      cv::norm(values->samples, cv::Mat(cv::Matx<int16_t, 1, 4>(-1, -2048, 2047, 0)), cv::NORM_INF),
      0);
}

TEST(DicomFrameTest, TablesStandInPlaceOfSlopeAndWindow) {
  const auto table = [](std::initializer_list<int> entries, int first, int bits) {
    std::string data;
    for (const int entry : entries) data += LittleEndian(entry, 2);
    DicomBytes item(DicomBytes::Empty{});
    item.Value(0x00283002, "US",
               LittleEndian(entries.size(), 2) + LittleEndian(first, 2) + LittleEndian(bits, 2));
    item.Value(0x00283006, "OW", data);
    return item;
  };
  DicomBytes file(Ramp(1, 4));
  file.Sequence(0x00283000, table({100, 101, 102}, 1, 16));
  file.Sequence(0x00283010, table({0, 1023, 4095}, 100, 12));
  // 0 and 1 are the table's first value, 3 is its last.
  EXPECT_THAT(Greys(Shown(file)), testing::ElementsAre(0, 0, 64, 255));
}

TEST(DicomFrameTest, ColoursOfAPaletteAndOfPlanes) {
  DicomBytes palette(Ramp(1, 2, CV_8U));
  palette.Text(0x00280004, "CS", "PALETTE COLOR");
  for (uint32_t channel = 0; channel < 3; ++channel) {
    palette.Value(0x00281101 + channel, "US",
                  LittleEndian(2, 2) + LittleEndian(0, 2) + LittleEndian(16, 2));
    palette.Value(0x00281201 + channel, "OW",
                  LittleEndian(channel == 0 ? 0xffff : 0, 2) + LittleEndian(0x8080, 2));
  }
  EXPECT_EQ(Shown(palette).at<cv::Vec3b>(0, 0), cv::Vec3b(0, 0, 255));
  EXPECT_EQ(Shown(palette).at<cv::Vec3b>(0, 1), cv::Vec3b(128, 128, 128));
  const cv::Mat planes = (cv::Mat_<cv::Vec3b>(1, 2) << cv::Vec3b(1, 2, 3), cv::Vec3b(4, 5, 6));
  DicomBytes planar(planes);
  planar.Short(0x00280006, 1);  // R R G G B B
  EXPECT_EQ(Shown(planar).at<cv::Vec3b>(0, 0), cv::Vec3b(5, 3, 1));
  EXPECT_EQ(Shown(planar).at<cv::Vec3b>(0, 1), cv::Vec3b(6, 4, 2));
}

TEST(DicomFrameTest, EachFrameIsItsOwnAndPixelsAreMadeSquare) {
  DicomBytes file(Ramp(4, 2, CV_8U), 2);
  EXPECT_THAT(Greys(Shown(file, 1)), testing::ElementsAre(4, 5, 6, 7));
  file.Text(0x00280034, "IS", "1\\2");  // twice as wide as high
  const cv::Mat shown = Shown(file, 1);
  EXPECT_EQ(shown.size(), cv::Size(4, 2));
}

TEST(DicomFrameTest, PixelsThatShareColoursAreReadWhereTheyAreEightBits) {
  DicomBytes file(cv::Mat(1, 2, CV_8UC3, cv::Scalar(0, 0, 0)));
  file.Text(0x00280004, "CS", "YBR_FULL_422");
  file.Value(0x7fe00010, "OB", std::string("\x4c\x96\x55\xff", 4));  // the first is red
  EXPECT_EQ(Shown(file).at<cv::Vec3b>(0, 0), cv::Vec3b(0, 0, 254));
  // What 16 bits would need is not there.
  const std::string deep = file.Short(0x00280100, 16).File();
  EXPECT_THAT(std::string(ParseDicom(deep).status().message()),
              HasSubstr("4 bytes, and 12 are needed"));
}

TEST(DicomFrameTest, ADamagedFrameIsRefused) {
  DicomBytes file(Ramp(8, 8, CV_8U));
  const std::string item = LittleEndian(0xe000fffe, 4) + LittleEndian(0, 4) +
                           LittleEndian(0xe000fffe, 4) + LittleEndian(4, 4) + "junk" +
                           LittleEndian(0xe0ddfffe, 4) + LittleEndian(0, 4);
  for (const std::string syntax : {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.80",
                                   "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5"}) {
    const std::string bytes = DicomBytes(file).Without(0x7fe00010).File(syntax) +
                              LittleEndian(0x00107fe0, 4) + "OB" + std::string(2, '\0') +
                              std::string(4, '\xff') + item;
    const auto dicom = ParseDicom(bytes);
    ASSERT_TRUE(dicom.ok()) << dicom.status();
    const auto shown = ShownFrame(*dicom, 0, std::nullopt);
    EXPECT_THAT(std::string(shown.status().message()), HasSubstr("frame")) << syntax;
  }
}

TEST(DicomFrameTest, AFrameThatSaysThatItIsLargerThanTheHeaderIsNotDecoded) {
  // A progressive JPEG of 65,500 x 65,500 pixels.
  const std::string frame("\xff\xd8\xff\xc2\x00\x0b\x08\xff\xdc\xff\xdc\x01\x01\x11\x00\xff\xd9",
                          17);
  const std::string bytes =
      DicomBytes(Ramp(8, 8, CV_8U)).Without(0x7fe00010).File("1.2.840.10008.1.2.4.50") +
      LittleEndian(0x00107fe0, 4) + "OB" + std::string(2, '\0') + std::string(4, '\xff') +
      LittleEndian(0xe000fffe, 4) + LittleEndian(0, 4) + LittleEndian(0xe000fffe, 4) +
      LittleEndian(frame.size() + 1, 4) + frame + std::string(1, '\0') +
      LittleEndian(0xe0ddfffe, 4) + LittleEndian(0, 4);
  const auto dicom = ParseDicom(bytes);
  ASSERT_TRUE(dicom.ok()) << dicom.status();
  EXPECT_THAT(std::string(DecodeFrame(*dicom, 0).status().message()), HasSubstr("another size"));
}

}  // namespace
}  // namespace alignflow
