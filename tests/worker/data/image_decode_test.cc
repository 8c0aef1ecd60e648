#include "worker/data/image_decode.h"

#include <opencv2/imgproc.hpp>

#include "tests/worker/data/test_images.h"

namespace alignflow {
namespace {

bool Same(const cv::Mat& a, const cv::Mat& b) {
  return a.size() == b.size() && a.type() == b.type() && cv::norm(a, b, cv::NORM_INF) == 0;
}

TEST(DecodeImageTest, LosslessFormatsComeBackAsTheyWere) {
  const cv::Mat image = Clutter(31, 17);
  for (const char* extension : {".png", ".bmp", ".tif"}) {
    const auto decoded = DecodeImage(Encode(extension, image), "a");
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_TRUE(Same(*decoded, image)) << extension;
  }
}

TEST(DecodeImageTest, JpegHasItsColoursInPlace) {
  const cv::Mat orange(16, 16, CV_8UC3, cv::Scalar(30, 120, 220));
  const auto decoded = DecodeImage(Encode(".jpg", orange), "a.jpg");
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_LE(cv::norm(*decoded, orange, cv::NORM_INF), 3);
}

TEST(DecodeImageTest, GreyBecomesThreeEqualChannels) {
  const cv::Mat gray = Clutter(9, 9, CV_8UC1);
  cv::Mat expected;
  cv::cvtColor(gray, expected, cv::COLOR_GRAY2BGR);
  EXPECT_TRUE(Same(*DecodeImage(Encode(".png", gray), "a"), expected));
}

TEST(DecodeImageTest, SixteenBitsAreScaledToEight) {
  const cv::Mat deep(4, 4, CV_16UC3, cv::Scalar(0, 32896, 65535));
  EXPECT_TRUE(Same(*DecodeImage(Encode(".png", deep), "a"),
                   cv::Mat(4, 4, CV_8UC3, cv::Scalar(0, 128, 255))));
}

TEST(DecodeImageTest, AlphaIsDropped) {
  const cv::Mat transparent(4, 4, CV_8UC4, cv::Scalar(10, 20, 30, 0));
  EXPECT_TRUE(Same(*DecodeImage(Encode(".png", transparent), "a"),
                   cv::Mat(4, 4, CV_8UC3, cv::Scalar(10, 20, 30))));
}

TEST(DecodeImageTest, ExifOrientationIsIgnoredBecauseMasksHaveNone) {
  std::string jpeg = Encode(".jpg", Clutter(24, 16));
  // An APP1 segment with one directory entry: orientation (0x0112) = 6, a quarter turn.
  const std::string tiff("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0", 26);
  const std::string body = std::string("Exif\0\0", 6) + tiff;
  jpeg.insert(2, std::string("\xff\xe1\x00", 3) + static_cast<char>(body.size() + 2) + body);
  const auto decoded = DecodeImage(jpeg, "a.jpg");
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->cols, 24);
}

TEST(DecodeImageTest, TruncatedFilesAreRefusedByName) {
  for (const char* extension : {".png", ".jpg", ".bmp", ".tif"}) {
    const std::string file = Encode(extension, Clutter(64, 64));
    ExpectRefused(DecodeImage(file.substr(0, file.size() * 2 / 3), "scan-17").status(),
                  {"scan-17", "again"});
  }
}

TEST(DecodeImageTest, TruncatedJpegWithAnEndMarkerPutOnIsRefused) {
  const std::string file = Encode(".jpg", Clutter(64, 64));
  ExpectRefused(DecodeImage(file.substr(0, file.size() / 2) + "\xff\xd9", "a.jpg").status(),
                {"a.jpg", "premature end"});
}

TEST(DecodeImageTest, DamagedJpegDataIsRefusedInsteadOfSmeared) {
  std::string file = Encode(".jpg", Clutter(64, 64));
  file.replace(file.size() / 2, 200, std::string(200, '\0'));
  ExpectRefused(DecodeImage(file, "a.jpg").status(), {"a.jpg", "orrupt"});
}

TEST(DecodeImageTest, BombIsRefusedBeforeDecoding) {
  std::string bomb = Encode(".bmp", Clutter(8, 8));
  for (const size_t at : {18, 22}) bomb.replace(at, 4, std::string("\x40\x9c\0\0", 4));
  ExpectRefused(DecodeImage(bomb, "huge.bmp").status(), {"huge.bmp", "40000x40000"});
}

TEST(DecodeMaskTest, GreyValuesAreKept) {
  const cv::Mat mask = Clutter(20, 20, CV_8UC1);
  EXPECT_TRUE(Same(*DecodeMask(Encode(".png", mask), "m"), mask));
}

TEST(DecodeMaskTest, EqualChannelsAreAccepted) {
  const cv::Mat mask = SquareMask(16, 16, 128);
  cv::Mat color, alpha;
  cv::cvtColor(mask, color, cv::COLOR_GRAY2BGR);
  cv::cvtColor(mask, alpha, cv::COLOR_GRAY2BGRA);
  EXPECT_TRUE(Same(*DecodeMask(Encode(".png", color), "m"), mask));
  EXPECT_TRUE(Same(*DecodeMask(Encode(".png", alpha), "m"), mask));
}

TEST(DecodeMaskTest, ColouredMaskIsRefused) {
  cv::Mat mask(8, 8, CV_8UC3, cv::Scalar(0, 0, 0));
  mask.at<cv::Vec3b>(1, 1) = {0, 0, 255};
  ExpectRefused(DecodeMask(Encode(".png", mask), "m.png").status(),
                {"m.png", "coloured (1 pixels)", "grey"});
}

TEST(DecodeMaskTest, SixteenBitMaskIsRefused) {
  ExpectRefused(DecodeMask(Encode(".png", cv::Mat(4, 4, CV_16U, cv::Scalar(1))), "m.png").status(),
                {"m.png", "16 bits"});
}

TEST(EncodePngTest, RoundTripIsExact) {
  const cv::Mat image = Clutter(33, 20);
  const auto png = EncodePng(image);
  ASSERT_TRUE(png.ok());
  EXPECT_TRUE(Same(*DecodeImage(*png, "a"), image));
  EXPECT_EQ(*png, *EncodePng(image.clone()));
}

}  // namespace
}  // namespace alignflow
