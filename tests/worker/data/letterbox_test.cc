#include "worker/data/letterbox.h"

#include <set>

#include "tests/worker/data/test_images.h"

namespace alignflow {
namespace {

// Every shape of picture that matters, from a line to a square.
std::vector<LetterboxPlan> Plans() {
  std::vector<LetterboxPlan> plans;
  for (const int width : {1, 7, 64, 65, 384, 1000}) {
    for (const int height : {1, 8, 64, 288, 999}) {
      for (const int size : {1, 64, 128}) plans.push_back(PlanLetterbox(width, height, size));
    }
  }
  return plans;
}

std::string Name(const LetterboxPlan& plan) {
  return testing::PrintToString(std::tuple(plan.source_width, plan.source_height, plan.size));
}

TEST(LetterboxTest, PictureFillsTheSquareOneWayAndIsCentred) {
  for (const LetterboxPlan& plan : Plans()) {
    SCOPED_TRACE(Name(plan));
    EXPECT_EQ(std::max(plan.width, plan.height), plan.size);
    EXPECT_GE(std::min(plan.width, plan.height), 1);
    EXPECT_GE(std::min(plan.left, plan.top), 0);
    EXPECT_LE(std::abs(plan.size - plan.width - 2 * plan.left), 1);
    EXPECT_LE(std::abs(plan.size - plan.height - 2 * plan.top), 1);
  }
}

TEST(LetterboxTest, AspectIsKeptToHalfAPixel) {
  for (const LetterboxPlan& plan : Plans()) {
    SCOPED_TRACE(Name(plan));
    const double scale =
        static_cast<double>(plan.size) / std::max(plan.source_width, plan.source_height);
    EXPECT_NEAR(plan.width, std::max(1.0, plan.source_width * scale), 0.5 + 1e-9);
    EXPECT_NEAR(plan.height, std::max(1.0, plan.source_height * scale), 0.5 + 1e-9);
  }
}

TEST(LetterboxTest, CropIsTheInverse) {
  for (const LetterboxPlan& plan : Plans()) {
    SCOPED_TRACE(Name(plan));
    const cv::Mat image = Clutter(plan.source_width, plan.source_height);
    const cv::Mat square = LetterboxImage(image, plan);
    EXPECT_EQ(square.size(), cv::Size(plan.size, plan.size));
    const cv::Mat crop = CropLetterbox(square, plan);
    EXPECT_EQ(crop.size(), cv::Size(plan.width, plan.height));
    if (!plan.Changes()) {
      EXPECT_EQ(cv::norm(crop, image, cv::NORM_INF), 0);
    }
    // All that is not in the crop is padding.
    EXPECT_EQ(cv::sum(crop), cv::sum(square));
  }
}

TEST(LetterboxTest, MaskGetsNoNewValuesAndBackgroundAsPadding) {
  for (const LetterboxPlan& plan : Plans()) {
    SCOPED_TRACE(Name(plan));
    const cv::Mat mask = Clutter(plan.source_width, plan.source_height, CV_8UC1) & 0x60;
    const cv::Mat square = LetterboxMask(mask, plan, 0x20);
    std::set<int> values(mask.begin<uint8_t>(), mask.end<uint8_t>());
    values.insert(0x20);
    for (auto it = square.begin<uint8_t>(); it != square.end<uint8_t>(); ++it)
      EXPECT_TRUE(values.contains(*it));
    cv::Mat padding = square.clone();
    padding(cv::Rect(plan.left, plan.top, plan.width, plan.height)) = 0x20;
    EXPECT_EQ(cv::countNonZero(padding != 0x20), 0);
  }
}

TEST(LetterboxAlignmentTest, ImageAndMaskStayAligned) {
  // A bright square with its mask, off centre, in a wide picture: after scaling they still cover
  // the same pixels.
  cv::Mat mask(300, 400, CV_8U, cv::Scalar(0));
  mask(cv::Rect(37, 51, 120, 90)) = 255;
  for (const int size : {64, 640}) {
    const LetterboxPlan plan = PlanLetterbox(mask.cols, mask.rows, size);
    const cv::Mat image = LetterboxImage(mask, plan) > 127, small = LetterboxMask(mask, plan, 0);
    const double both = cv::countNonZero(image & small), either = cv::countNonZero(image | small);
    EXPECT_GT(both / either, 0.95) << size;
  }
}

TEST(LetterboxAlignmentTest, SameSizeIsLeftAlone) {
  const LetterboxPlan plan = PlanLetterbox(64, 64, 64);
  EXPECT_FALSE(plan.Changes());
  const cv::Mat image = Clutter(64, 64);
  EXPECT_EQ(cv::norm(LetterboxImage(image, plan), image, cv::NORM_INF), 0);
}

TEST(DescribeLetterboxTest, SaysWhatWasDone) {
  EXPECT_EQ(DescribeLetterbox({}), "");
  EXPECT_EQ(DescribeLetterbox({PlanLetterbox(64, 64, 64)}), "");
  EXPECT_EQ(DescribeLetterbox(std::vector(700, PlanLetterbox(256, 256, 64))),
            "700 images 256x256 -> 64x64");
  EXPECT_EQ(DescribeLetterbox({PlanLetterbox(384, 288, 64)}), "1 image 384x288 -> 64x48 in 64x64");
}

TEST(DescribeLetterboxTest, ManySizesAreSummedUp) {
  std::vector<LetterboxPlan> plans;
  for (int side = 100; side < 106; ++side) {
    for (int i = 100; i <= side; ++i) plans.push_back(PlanLetterbox(side, side, 64));
  }
  EXPECT_EQ(DescribeLetterbox(plans),
            "6 images 105x105 -> 64x64, 5 images 104x104 -> 64x64, 4 images 103x103 -> 64x64, "
            "3 images 102x102 -> 64x64, and 3 more in 2 other sizes");
}

}  // namespace
}  // namespace alignflow
