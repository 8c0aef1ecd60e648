#include "worker/data/mask_contrast.h"

#include "tests/worker/data/test_images.h"

namespace alignflow {
namespace {

// A square of one colour on a ground of another, both with noise of `spread` grey levels.
cv::Mat Square(int step, double spread) {
  cv::Mat noise(64, 64, CV_16SC3), image(64, 64, CV_8UC3, cv::Scalar(100, 100, 100));
  image(cv::Rect(16, 16, 32, 32)) = cv::Scalar(100, 100, 100 + step);
  cv::RNG(5).fill(noise, cv::RNG::NORMAL, 0, spread);
  cv::Mat sum;
  cv::add(image, noise, sum, cv::noArray(), CV_8U);
  return sum;
}

TEST(MaskContrastTest, IsTheSeparationInUnitsOfTheSpread) {
  const cv::Mat mask = SquareMask(64, 64, 255);
  // d' = step / sqrt(spread^2 + 4), the 4 being the noise that is always assumed.
  EXPECT_NEAR(MaskContrast(Square(30, 10), mask, 255), 30 / std::sqrt(104.0), 0.25);
  EXPECT_NEAR(MaskContrast(Square(10, 10), mask, 255), 10 / std::sqrt(104.0), 0.25);
}

TEST(MaskContrastTest, IsAboutNothingWhereNothingIs) {
  EXPECT_LT(MaskContrast(Square(0, 10), SquareMask(64, 64, 255), 255), 0.2);
}

TEST(MaskContrastTest, FindsAColourThatHasTheSameBrightness) {
  cv::Mat image(64, 64, CV_8UC3, cv::Scalar(100, 100, 100));
  image(cv::Rect(16, 16, 32, 32)) = cv::Scalar(80, 100, 120);
  EXPECT_GT(MaskContrast(image, SquareMask(64, 64, 255), 255), 5);
}

TEST(MaskContrastTest, OutsideOfTheFieldOfViewIsNotCompared) {
  // Structure and surroundings are alike; the black frame right behind them must not count as
  // contrast.
  cv::Mat image(64, 64, CV_8UC3, cv::Scalar::all(0));
  image(cv::Rect(12, 12, 40, 40)) = cv::Scalar(90, 100, 110);
  EXPECT_LT(MaskContrast(image, SquareMask(64, 64, 255), 255), 0.01);
}

TEST(MaskContrastTest, WhatAStructureSurroundsIsNotItsSurroundings) {
  // A disc with a cup: only the outside of the disc is the ring, although the cup is another label.
  cv::Mat image(64, 64, CV_8UC3, cv::Scalar::all(100)), mask = SquareMask(64, 64, 128);
  image(cv::Rect(16, 16, 32, 32)) = cv::Scalar::all(100);
  image(cv::Rect(26, 26, 12, 12)) = cv::Scalar::all(250);
  mask(cv::Rect(26, 26, 12, 12)) = 7;
  EXPECT_LT(MaskContrast(image, mask, 128), 0.01);
  EXPECT_GT(MaskContrast(image, mask, 7), 5);
}

TEST(MaskContrastTest, MissingOrAllCoveringStructureGivesZero) {
  const cv::Mat image = Clutter(64, 64);
  EXPECT_EQ(MaskContrast(image, SquareMask(64, 64, 255), 3), 0);
  EXPECT_EQ(MaskContrast(image, cv::Mat(64, 64, CV_8U, cv::Scalar(255)), 255), 0);
}

}  // namespace
}  // namespace alignflow
