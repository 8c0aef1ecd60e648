#include "worker/data/contact_sheet.h"

#include "tests/worker/data/test_images.h"

namespace alignflow {
namespace {

int Count(const cv::Mat& sheet, const cv::Scalar& color) {
  cv::Mat hits;
  cv::inRange(sheet, color, color, hits);
  return cv::countNonZero(hits);
}

cv::Mat Plain(int width, int height, const cv::Scalar& color) {
  return {height, width, CV_8UC3, color};
}

TEST(ContactSheetTest, TilesAreBroughtToSizeWithTheirAspect) {
  const cv::Scalar red(0, 0, 255), blue(255, 0, 0);
  const cv::Mat sheet =
      ContactSheet({{"source", {Plain(64, 64, red)}, {}}, {"target", {Plain(300, 150, blue)}, {}}},
                   ContactSheetOptions{});
  EXPECT_EQ(Count(sheet, red), 128 * 128);
  EXPECT_EQ(Count(sheet, blue), 128 * 64);
}

TEST(ContactSheetTest, ColumnsMayHaveDifferentLengths) {
  const cv::Scalar red(0, 0, 255), blue(255, 0, 0);
  const cv::Mat sheet = ContactSheet(
      {{"a", {3, Plain(8, 8, red)}, {}}, {"b", {Plain(8, 8, blue)}, {}}, {"empty", {}, {}}},
      ContactSheetOptions{});
  EXPECT_EQ(Count(sheet, red), 3 * 128 * 128);
  EXPECT_EQ(Count(sheet, blue), 128 * 128);
}

TEST(ContactSheetTest, OutlinesAreDrawnOnlyOverColumnsWithMasks) {
  const cv::Mat image = Plain(64, 64, {0, 0, 0}), mask = SquareMask(64, 64, 255);
  const cv::Mat without = ContactSheet({{"x", {image}, {}}}, ContactSheetOptions{});
  const cv::Mat with = ContactSheet({{"x", {image}, {mask}}}, ContactSheetOptions{});
  EXPECT_EQ(Count(without, {0, 0, 0}), 128 * 128);
  const int drawn = 128 * 128 - Count(with, {0, 0, 0});
  EXPECT_GT(drawn, 4 * 60);  // at least once around the square
  EXPECT_LT(drawn, 4 * 64 * 5);
}

TEST(ContactSheetTest, BackgroundHasNoOutline) {
  ContactSheetOptions options;
  options.mask_background = 255;
  const cv::Mat sheet = ContactSheet(
      {{"x", {Plain(8, 8, {0, 0, 0})}, {cv::Mat(8, 8, CV_8U, cv::Scalar(255))}}}, options);
  EXPECT_EQ(Count(sheet, {0, 0, 0}), 128 * 128);
}

TEST(ContactSheetTest, TitlesAndFooterAreInk) {
  const auto ink = [](const std::string& title, const std::string& footer) {
    ContactSheetOptions options;
    options.title = title;
    options.footer = footer;
    const cv::Mat sheet = ContactSheet({{"x", {Plain(8, 8, {9, 9, 9})}, {}}}, options);
    return std::pair(sheet.rows, static_cast<int>(sheet.total()) - Count(sheet, {252, 252, 252}));
  };
  EXPECT_LT(ink("", ""), ink("A title", ""));
  EXPECT_LT(ink("A title", ""), ink("A title", "A footer"));
}

TEST(ContactSheetTest, LongTitleWidensTheSheet) {
  ContactSheetOptions options;
  options.title = std::string(120, 'm');
  EXPECT_GT(ContactSheet({{"x", {Plain(8, 8, {9, 9, 9})}, {}}}, options).cols, 1000);
}

TEST(ContactSheetTest, NoColumnsGiveAnEmptySheet) {
  EXPECT_FALSE(ContactSheet({}, ContactSheetOptions{}).empty());
}

}  // namespace
}  // namespace alignflow
