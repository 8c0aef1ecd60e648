#include "common/data/image_probe.h"

#include <memory>
#include <string>

#include "common/data/byte_reader.h"
#include "tests/worker/data/format_kinds.h"

namespace alignflow {
namespace {

std::vector<std::string> OneOfEachFormat() {
  return {Encode(".png", Clutter(21, 13)), Encode(".jpg", Clutter(21, 13)),
          Encode(".bmp", Clutter(21, 13)), Encode(".tif", Clutter(21, 13)),
          WebpOf(Clutter(21, 13))};
}

// The bytes alone on the heap, so that the sanitizer sees a read beyond them.
void ProbeAlone(std::string_view bytes) {
  const auto copy = std::make_unique<char[]>(bytes.size());
  bytes.copy(copy.get(), bytes.size());
  const std::string_view alone(copy.get(), bytes.size());
  const auto header = ProbeImage(alone);
  const absl::Status complete = CheckImageComplete(alone);
  EXPECT_TRUE(header.ok() || !complete.ok());
}

TEST(ImageProbeTest, ReadsTheHeaderOfEachFormat) {
  const auto files = OneOfEachFormat();
  for (size_t i = 0; i < files.size(); ++i) {
    const auto header = ProbeImage(files[i]);
    ASSERT_TRUE(header.ok()) << header.status();
    EXPECT_EQ(header->format, static_cast<ImageFormat>(i));
    EXPECT_EQ(header->width, 21);
    EXPECT_EQ(header->height, 13);
    EXPECT_EQ(header->channels, 3);
    EXPECT_EQ(header->bits, 8);
    EXPECT_TRUE(CheckImageComplete(files[i]).ok()) << CheckImageComplete(files[i]);
  }
}

TEST(ImageProbeTest, ReadsGreyAndSixteenBits) {
  const auto gray = ProbeImage(Encode(".jpg", Clutter(8, 9, CV_8UC1)));
  ASSERT_TRUE(gray.ok());
  EXPECT_EQ(gray->channels, 1);
  const auto deep = ProbeImage(Encode(".png", cv::Mat(5, 4, CV_16UC1, cv::Scalar(7))));
  ASSERT_TRUE(deep.ok());
  EXPECT_EQ(deep->channels, 1);
  EXPECT_EQ(deep->bits, 16);
}

TEST(ImageProbeTest, PagesAreCountedWithoutThumbnails) {
  const auto pages = [](const TiffWriting& writing) {
    return ProbeImage(TiffOf(KindImage(CV_8UC1), writing))->pictures;
  };
  EXPECT_EQ(pages({}), 1);
  EXPECT_EQ(pages({.pages = 3}), 3);
  EXPECT_EQ(pages({.pages = 2, .big = true}), 2);
  EXPECT_EQ(pages({.pages = 3, .thumbnails = true}), 1);
}

TEST(ImageProbeTest, AChainOfPagesInACircleEnds) {
  std::string file = TiffOf(KindImage(CV_8UC1), {});
  const size_t at = ByteReader(file, false).U32(4).value();
  const size_t entries = ByteReader(file, false).U16(at).value();
  file.replace(at + 2 + 12 * entries, 4, Number(static_cast<uint32_t>(at), 4, false));
  EXPECT_EQ(ProbeImage(file)->pictures, kMostPictures);
}

TEST(ImageProbeTest, EveryTruncationIsRefusedWithoutReadingBeyond) {
  for (const std::string& file : OneOfEachFormat()) {
    for (size_t length = 0; length < file.size(); ++length) {
      ProbeAlone(std::string_view(file).substr(0, length));
      // A TIFF's directory is the last thing in the file, and a BMP has nothing behind its pixels;
      // so all are noticed.
      EXPECT_FALSE(CheckImageComplete(std::string_view(file).substr(0, length)).ok())
          << length << " of " << file.size();
    }
  }
}

TEST(ImageProbeTest, NoByteOfAHeaderLeadsAstray) {
  for (const std::string& file : OneOfEachFormat()) {
    for (size_t at = 0; at < file.size(); ++at) {
      for (const int value : {0x00, 0x7f, 0x80, 0xff}) {
        std::string damaged = file;
        damaged[at] = static_cast<char>(value);
        ProbeAlone(damaged);
      }
    }
  }
}

TEST(ImageProbeTest, FlippedBitInPngIsNoticedByItsChecksum) {
  std::string file = Encode(".png", Clutter(32, 32));
  file[file.size() / 2] ^= 1;
  ExpectRefused(CheckImageComplete(file), {"checksum"});
}

TEST(ImageProbeTest, BytesBehindThePictureAreAllowed) {
  for (const std::string& file : OneOfEachFormat()) {
    EXPECT_TRUE(CheckImageComplete(file + "trailing bytes of some other program").ok());
  }
}

TEST(ImageProbeTest, DecompressionBombIsRefusedByItsHeader) {
  std::string bomb = Encode(".png", Clutter(8, 8));
  for (const size_t at : {16, 20})
    bomb.replace(at, 4, std::string("\x00\x00\x9c\x40", 4));  // 40,000
  const auto header = ProbeImage(bomb);
  ASSERT_TRUE(header.ok());
  ExpectRefused(CheckImageSize(*header, static_cast<int64_t>(bomb.size())),
                {"40000x40000", "64 megapixels"});
}

TEST(ImageProbeTest, LimitsAreInclusive) {
  ImageHeader header;
  header.width = header.height = 8192;
  EXPECT_TRUE(CheckImageSize(header, kMaxImageFileBytes).ok());
  ExpectRefused(CheckImageSize(header, kMaxImageFileBytes + 1), {"bytes"});
  header.width = 8193;
  ExpectRefused(CheckImageSize(header, 1), {"8193x8192"});
  header.width = 65536;
  header.height = 1;
  ExpectRefused(CheckImageSize(header, 1), {"65535"});
}

TEST(ImageProbeTest, NoPixelsAndOtherFilesAreRefusedEachWithItsRemedy) {
  ExpectRefused(ProbeImage("").status(), {"empty", "copy it again"});
  ExpectRefused(ProbeImage("GIF89a and so on").status(), {"a GIF", "not a PNG", "export"});
  ExpectRefused(ProbeImage("version https://git-lfs.github.com/spec/v1").status(),
                {"git lfs pull"});
  ExpectRefused(ProbeImage("what").status(), {"not a PNG"});
  std::string flat = Encode(".png", Clutter(8, 8));
  flat.replace(16, 4, std::string(4, '\0'));
  ExpectRefused(ProbeImage(flat).status(), {"0x8"});
}

}  // namespace
}  // namespace alignflow
