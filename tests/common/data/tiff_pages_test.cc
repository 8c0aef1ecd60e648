#include "common/data/tiff_pages.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace alignflow {
namespace {

std::string U16(uint32_t value) {
  return {static_cast<char>(value), static_cast<char>(value >> 8)};
}
std::string U32(uint32_t value) { return U16(value & 0xffff) + U16(value >> 16); }

// Directories of one entry each: NewSubfileType, with these values.
std::string Tiff(const std::vector<uint32_t>& subfile_types) {
  std::string bytes = "II*" + std::string(1, '\0') + U32(8);
  for (size_t i = 0; i < subfile_types.size(); ++i) {
    const bool last = i + 1 == subfile_types.size();
    const auto next = static_cast<uint32_t>(bytes.size() + 18);
    bytes += U16(1) + U16(254) + U16(4) + U32(1) + U32(subfile_types[i]) + U32(last ? 0 : next);
  }
  return bytes;
}

TEST(CountTiffPagesTest, PagesAreCountedAndThumbnailsAndTransparencyAreNone) {
  EXPECT_EQ(CountTiffPages(Tiff({0})), 1);
  EXPECT_EQ(CountTiffPages(Tiff({0, 0, 2})), 3);
  EXPECT_EQ(CountTiffPages(Tiff({0, 1, 4, 0})), 2);
}

TEST(CountTiffPagesTest, OtherFilesHaveOnePage) {
  EXPECT_EQ(CountTiffPages(""), 1);
  EXPECT_EQ(CountTiffPages("\x89PNG\r\n\x1a\n"), 1);
}

TEST(CountTiffPagesTest, AChainInACircleAndDamagedBytesEnd) {
  std::string circle = Tiff({0, 0});
  circle.replace(circle.size() - 4, 4, U32(8));
  EXPECT_LE(CountTiffPages(circle), kMaxTiffPages);
  std::mt19937 random(3);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes = Tiff({0, 0, 0}).substr(0, random() % 70);
    if (bytes.size() > 5) bytes[4 + random() % (bytes.size() - 4)] = static_cast<char>(random());
    EXPECT_GE(CountTiffPages(bytes), 1);
  }
}

}  // namespace
}  // namespace alignflow
