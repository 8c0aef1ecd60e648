#include "worker/data/image_decode.h"

#include <opencv2/imgproc.hpp>

#include "tests/worker/data/format_kinds.h"
#include "worker/data/stored_image.h"

namespace alignflow {
namespace {

bool Same(const cv::Mat& a, const cv::Mat& b) {
  return a.size() == b.size() && a.type() == b.type() && cv::norm(a, b, cv::NORM_INF) == 0;
}

// `colour` (BGR) where the classes are 1, black elsewhere.
cv::Mat ColouredPicture(const cv::Mat& classes, const cv::Vec3b& colour) {
  cv::Mat picture(classes.size(), CV_8UC3, cv::Scalar::all(0));
  picture.setTo(colour, classes == 1);
  return picture;
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

// Where the pixel (x, y) of the picture as it is to be looked at lies in the file
// (EXIF 2.3, 4.6.4).
cv::Point StoredAt(int orientation, int x, int y, cv::Size stored) {
  const int right = stored.width - 1, bottom = stored.height - 1;
  switch (orientation) {
    case 2:
      return {right - x, y};
    case 3:
      return {right - x, bottom - y};
    case 4:
      return {x, bottom - y};
    case 5:
      return {y, x};
    case 6:
      return {y, bottom - x};
    case 7:
      return {right - y, bottom - x};
    case 8:
      return {right - y, x};
    default:
      return {x, y};
  }
}

TEST(OrientationTest, EveryFormatIsTurnedAndMirroredAsItsOrientationSays) {
  const cv::Mat stored = Clutter(24, 16);
  const cv::Mat rgb = SwappedChannels(stored);
  for (int orientation = 1; orientation <= 8; ++orientation) {
    for (const std::string& file :
         {PngOf(rgb, {.color = PNG_COLOR_TYPE_RGB, .orientation = orientation}),
          TiffOf(rgb, {.photometric = PHOTOMETRIC_RGB, .orientation = orientation}),
          TurnedWebp(WebpOf(stored), 24, 16, orientation)}) {
      const auto image = ReadImage(file, "a");
      ASSERT_TRUE(image.ok()) << image.status();
      const cv::Mat& pixels = image->pixels;
      ASSERT_EQ(pixels.size(), orientation >= 5 ? cv::Size(16, 24) : cv::Size(24, 16));
      EXPECT_EQ(image->header.width, pixels.cols) << "the header's size is that after turning";
      EXPECT_EQ(image->header.height, pixels.rows);
      for (int y = 0; y < pixels.rows; ++y) {
        for (int x = 0; x < pixels.cols; ++x) {
          ASSERT_EQ(pixels.at<cv::Vec3b>(y, x),
                    stored.at<cv::Vec3b>(StoredAt(orientation, x, y, stored.size())))
              << orientation;
        }
      }
    }
    const auto jpeg = ReadImage(TurnedJpeg(Encode(".jpg", stored), orientation), "a.jpg");
    ASSERT_TRUE(jpeg.ok()) << jpeg.status();
    EXPECT_TRUE(
        Same(jpeg->pixels, Oriented(*DecodeImage(Encode(".jpg", stored), "a.jpg"), orientation)));
    EXPECT_EQ(jpeg->notes.test(static_cast<size_t>(ReadNote::kTurned)), orientation != 1);
  }
}

TEST(OrientationTest, MasksAreTurnedAsImagesAre) {
  const cv::Mat stored = Clutter(24, 16, CV_8UC1);
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const auto mask = DecodeMask(PngOf(stored, {.orientation = orientation}), "m");
    ASSERT_TRUE(mask.ok()) << mask.status();
    EXPECT_TRUE(Same(*mask, Oriented(stored, orientation)));
  }
}

TEST(OrientationTest, ThePictureThatIsTurnedIsLeftAsItWas) {
  const cv::Mat square = Clutter(16, 16), before = square.clone();
  for (int orientation = 1; orientation <= 8; ++orientation) {
    Oriented(square, orientation);
    EXPECT_TRUE(Same(square, before)) << orientation;
  }
}

TEST(OrientationTest, ValuesThatAreNoOrientationMeanNone) {
  for (const int orientation : {9, 255}) {
    EXPECT_TRUE(Same(*DecodeImage(PngOf(SwappedChannels(Clutter(9, 5)),
                                        {.color = PNG_COLOR_TYPE_RGB, .orientation = orientation}),
                                  "a"),
                     Clutter(9, 5)));
  }
}

TEST(DepthTest, TheWhiteOf16BitImagesIsTheOneOfTheSetsBits) {
  const cv::Mat deep(4, 4, CV_16UC1, cv::Scalar(4095));
  const std::string png = Encode(".png", deep);
  EXPECT_EQ(DecodeImage(png, "a", 12)->at<cv::Vec3b>(0, 0), cv::Vec3b::all(255));
  EXPECT_EQ(DecodeImage(png, "a", 13)->at<cv::Vec3b>(0, 0), cv::Vec3b::all(127));
  EXPECT_EQ(DecodeImage(png, "a")->at<cv::Vec3b>(0, 0), cv::Vec3b::all(16));
  EXPECT_EQ(ReadImage(png, "a")->greatest_sample, 4095);
  EXPECT_EQ(ReadImage(Encode(".png", Clutter(4, 4)), "a")->greatest_sample, 0);
}

TEST(DepthTest, ASampleAboveTheSetsBitsIsRefusedAndNotCut) {
  const cv::Mat deep(4, 4, CV_16UC1, cv::Scalar(4096));
  ExpectRefused(DecodeImage(Encode(".png", deep), "scan-3", 12).status(),
                {"scan-3", "4096", "12 bits", "push"});
}

TEST(DepthTest, TheBitsOfASetAreThoseOfItsGreatestSample) {
  EXPECT_EQ(SampleBits(0), 16);
  EXPECT_EQ(SampleBits(255), 8);
  EXPECT_EQ(SampleBits(256), 9);
  EXPECT_EQ(SampleBits(4012), 12);
  EXPECT_EQ(SampleBits(65535), 16);
}

TEST(TiffTest, TilesStripsAndPlanesOfAnySizeComeBackAsTheyWere) {
  for (const auto& [width, height] : {std::pair(1, 1), {17, 5}, {64, 33}, {130, 70}}) {
    const cv::Mat image = Clutter(width, height);
    for (const int tile : {0, 16, 48, 256}) {
      for (const int strip : {1, 3, 1000}) {
        for (const bool apart : {false, true}) {
          const auto decoded =
              DecodeImage(TiffOf(SwappedChannels(image), {.photometric = PHOTOMETRIC_RGB,
                                                          .compression = COMPRESSION_LZW,
                                                          .tile = tile,
                                                          .strip = strip,
                                                          .apart = apart}),
                          "a.tif");
          ASSERT_TRUE(decoded.ok()) << decoded.status();
          EXPECT_TRUE(Same(*decoded, image)) << width << " " << tile << " " << strip;
        }
      }
    }
  }
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

TEST(DecodeMaskTest, SixteenBitsAreReadWhereTheValuesFitInEight) {
  const cv::Mat mask = SquareMask(16, 16, 200);
  cv::Mat deep, stretched;
  mask.convertTo(deep, CV_16U);
  mask.convertTo(stretched, CV_16U, 257);
  EXPECT_TRUE(Same(*DecodeMask(Encode(".png", deep), "m"), mask));
  EXPECT_TRUE(Same(*DecodeMask(Encode(".png", stretched), "m"), mask));
  deep.at<uint16_t>(0, 0) = 300;
  ExpectRefused(DecodeMask(Encode(".png", deep), "m.png").status(), {"m.png", "300", "8 bits"});
}

TEST(DecodeMaskTest, AlphaIsReadOverOnlyWhereItIsTheSameEverywhere) {
  EXPECT_TRUE(Same(
      *DecodeMask(
          PngOf(TwoChannels(SquareMask(8, 8, 255), 7), {.color = PNG_COLOR_TYPE_GRAY_ALPHA}), "m"),
      SquareMask(8, 8, 255)));
  ExpectRefused(DecodeMask(Encode(".png", HalfTransparent()), "m.png").status(),
                {"m.png", "transparency", "flatten"});
}

TEST(DecodeMaskTest, SmallDepthsAreStretchedAsViewersDo) {
  for (const int bits : {1, 2, 4}) {
    const int top = (1 << bits) - 1;
    const cv::Mat stored = SquareMask(21, 9, top), shown = SquareMask(21, 9, 255);
    EXPECT_TRUE(Same(*DecodeMask(PngOf(stored, {.bits = bits}), "m"), shown)) << bits;
    EXPECT_TRUE(Same(*DecodeMask(TiffOf(stored, {.bits = bits}), "m"), shown)) << bits;
  }
}

TEST(DecodeMaskTest, PalettesGiveIndicesOrTheirGreys) {
  const cv::Mat indices = SquareMask(12, 7, 3);
  const auto colours = ColourPalette(4), greys = GreyPalette(4);
  for (const std::string& file :
       {PngOf(indices, {.color = PNG_COLOR_TYPE_PALETTE, .palette = colours}),
        PngOf(indices, {.color = PNG_COLOR_TYPE_PALETTE, .bits = 2, .palette = colours}),
        TiffOf(indices, {.photometric = PHOTOMETRIC_PALETTE, .palette = colours}),
        TiffOf(indices, {.bits = 4, .photometric = PHOTOMETRIC_PALETTE, .palette = colours}),
        PaletteBmp(indices, 8, colours), PaletteBmp(indices, 4, colours)}) {
    const auto mask = DecodeMask(file, "m");
    ASSERT_TRUE(mask.ok()) << mask.status();
    EXPECT_TRUE(Same(*mask, indices));
  }
  for (const std::string& file :
       {PngOf(indices, {.color = PNG_COLOR_TYPE_PALETTE, .palette = greys}),
        PaletteBmp(indices, 4, greys)}) {
    EXPECT_TRUE(Same(*DecodeMask(file, "m"), SquareMask(12, 7, 255)));
  }
}

TEST(ColouredMaskTest, EachColourIsItsClassWhateverTheContainer) {
  const LabelTable labels = *LabelTable::Parse("polyp=#ff0000,tool=#00ff00,background=#000000");
  const cv::Mat classes = SquareMask(12, 9, 1), red = ColouredPicture(classes, {0, 0, 255});
  for (const std::string& file :
       {Encode(".png", red), Encode(".bmp", red), WebpOf(red),
        TiffOf(SwappedChannels(red), {.photometric = PHOTOMETRIC_RGB}),
        PngOf(classes, {.color = PNG_COLOR_TYPE_PALETTE, .palette = ColourPalette(4)}),
        PaletteBmp(classes, 8, ColourPalette(4)), Encode(".png", WithAlpha(red, 3))}) {
    const auto mask = DecodeMask(file, "m", &labels);
    ASSERT_TRUE(mask.ok()) << mask.status();
    EXPECT_TRUE(Same(*mask, classes));
  }
  EXPECT_TRUE(Same(*DecodeMask(Encode(".png", cv::Mat(4, 4, CV_8U, cv::Scalar(0))), "m", &labels),
                   cv::Mat(4, 4, CV_8U, cv::Scalar(0))));
}

TEST(ColouredMaskTest, AColourThatIsNoLabelIsRefusedWithItsCount) {
  const LabelTable labels = *LabelTable::Parse("tool=#00ff00");
  ExpectRefused(
      DecodeMask(Encode(".png", ColouredPicture(SquareMask(8, 8, 1), {0, 0, 255})), "m", &labels)
          .status(),
      {"m: ", "16 pixels", "#ff0000", "tool=#00ff00", "--labels"});
}

TEST(ColouredMaskTest, HandedOutMasksHaveTheTablesColoursAndComeBack) {
  const LabelTable labels = *LabelTable::Parse("polyp=#ff0080,background=#000000");
  const cv::Mat classes = SquareMask(12, 9, 1);
  const std::string png = *EncodeMask(classes, labels);
  EXPECT_EQ(DecodeImage(png, "m")->at<cv::Vec3b>(4, 6), cv::Vec3b(0x80, 0, 0xff));
  EXPECT_TRUE(Same(*DecodeMask(png, "m", &labels), classes));
  const LabelTable greys = *LabelTable::Parse("polyp=255");
  EXPECT_EQ(*EncodeMask(classes, greys), *EncodePng(classes));
}

TEST(LossyMaskTest, EachPixelGetsTheNearestLabel) {
  const LabelTable labels = *LabelTable::Parse("polyp=255");
  const cv::Mat mask = SquareMask(128, 96, 255);
  for (const std::string& file :
       {Encode(".jpg", mask), Encode(".jpg", Threefold(mask)), WebpOf(Threefold(mask), 95)}) {
    const auto read = ReadMask(file, "m", &labels);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_LE(cv::countNonZero(read->pixels != mask), 0.01 * mask.total());
    EXPECT_TRUE(labels.CheckMask({read->pixels.data, read->pixels.total()}, "m").ok());
    EXPECT_TRUE(read->notes.test(static_cast<size_t>(ReadNote::kNearestLabel)));
  }
}

TEST(LossyMaskTest, APictureThatIsNoMaskIsRefused) {
  const LabelTable labels = *LabelTable::Parse("polyp=255");
  cv::Mat ramp(64, 64, CV_8U);
  for (int x = 0; x < 64; ++x) ramp.col(x) = x * 4;
  ExpectRefused(DecodeMask(Encode(".jpg", ramp), "m.jpg", &labels).status(),
                {"m.jpg", "%", "further than 16", "PNG"});
  ExpectRefused(DecodeMask(Encode(".jpg", SquareMask(64, 64, 128)), "m.jpg", &labels).status(),
                {"polyp=255"});
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
