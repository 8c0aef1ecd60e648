#include "worker/dicom/grey_window.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace alignflow {
namespace {

using testing::HasSubstr;

int Shown(float value, const GreyWindow& window) {
  return Windowed(cv::Mat(1, 1, CV_32F, cv::Scalar(value)), window).at<uint8_t>(0, 0);
}

TEST(GreyWindowTest, TheStandardsExamplesHold) {
  // PS3.3, C.11.2.1.2.1, with outputs of 0 to 255.
  const GreyWindow wide{2048, 4096}, one{2048, 1}, zero{0, 100}, point{0, 1};
  EXPECT_EQ(Shown(0, wide), 0);
  EXPECT_EQ(Shown(4095, wide), 255);
  EXPECT_EQ(Shown(2048, wide), 128);
  EXPECT_EQ(Shown(2047, one), 0);
  EXPECT_EQ(Shown(2048, one), 255);
  EXPECT_EQ(Shown(-50, zero), 0);
  EXPECT_EQ(Shown(49, zero), 255);
  EXPECT_EQ(Shown(-1, point), 0);
  EXPECT_EQ(Shown(0, point), 255);
  const GreyWindow exact{0, 100, WindowFunction::kLinearExact};
  EXPECT_EQ(Shown(-50, exact), 0);
  EXPECT_EQ(Shown(0, exact), 128);
  EXPECT_EQ(Shown(50, exact), 255);
  const GreyWindow sigmoid{0, 100, WindowFunction::kSigmoid};
  EXPECT_EQ(Shown(0, sigmoid), 128);
  EXPECT_EQ(Shown(25, sigmoid), 186);  // 255 / (1 + e^-1)
}

TEST(GreyWindowTest, WindowsAreReadByNumbersAndNames) {
  EXPECT_EQ(ParseWindow("40,400")->window, (GreyWindow{40, 400}));
  EXPECT_EQ(ParseWindow("-600,1500")->window, ParseWindow("ct-lung")->window);
  EXPECT_TRUE(ParseWindow("ct-lung")->IsOfCt());
  EXPECT_FALSE(ParseWindow("40,400")->IsOfCt());
  for (const char* text : {"", "40", "40,", "40,0", "40,-1", "a,b", "1,2,3", "nan,4", "ct-knee"}) {
    const auto window = ParseWindow(text);
    ASSERT_FALSE(window.ok()) << text;
    EXPECT_THAT(std::string(window.status().message()),
                AllOf(HasSubstr("CENTRE,WIDTH"), HasSubstr("ct-soft-tissue")));
  }
}

}  // namespace
}  // namespace alignflow
