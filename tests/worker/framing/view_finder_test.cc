#include "worker/framing/view_finder.h"

#include <gtest/gtest.h>

#include <opencv2/imgproc.hpp>

#include "tests/worker/framing/drawn_pictures.h"
#include "worker/framing/view_cut.h"

namespace alignflow {
namespace {

cv::Mat ShapeInPicture(const View& view) {
  cv::Mat picture(view.height, view.width, CV_8U, cv::Scalar(0));
  ShapeAt(view, view.box.size()).copyTo(picture(view.box));
  return picture;
}

TEST(ViewFinderTest, DrawnViewsAreFound) {
  for (const DrawnPicture& drawn : DrawnPictures()) {
    SCOPED_TRACE(drawn.name);
    EXPECT_GE(IntersectionOverUnion(ShapeInPicture(FindView(drawn.image)), drawn.view), 0.95);
  }
}

TEST(ViewFinderTest, APictureOfNothingButViewIsWhole) {
  EXPECT_TRUE(FindView(DrawTissue({300, 200}, kMucosa, 3)).IsWhole());
  EXPECT_TRUE(FindView(cv::Mat(64, 64, CV_8UC3, cv::Scalar::all(0))).IsWhole());
  EXPECT_TRUE(FindView(cv::Mat(1, 1, CV_8UC3, cv::Scalar::all(90))).IsWhole());
  EXPECT_TRUE(FindView(cv::Mat(40, 3, CV_8U, cv::Scalar::all(90))).IsWhole());
}

TEST(ViewFinderTest, WhatIsTheSameInAllPicturesIsLaidOverThem) {
  // A box of tissue's own colours: one picture alone can't tell it from the view that it touches.
  const cv::Size size(320, 320);
  const cv::Mat logo = DrawTissue({120, 90}, kMucosa, 77);
  std::vector<cv::Mat> pictures;
  cv::Mat view(size, CV_8U, cv::Scalar(255));
  view(cv::Rect(0, 230, 120, 90)).setTo(0);
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    cv::Mat picture = DrawTissue(size, kMucosa, seed);
    logo.copyTo(picture(cv::Rect(0, 230, 120, 90)));
    pictures.push_back(picture);
  }
  EXPECT_LT(IntersectionOverUnion(ShapeInPicture(FindView(pictures[0])), view), 0.95);
  for (const View& found : FindViews(pictures)) {
    EXPECT_GE(IntersectionOverUnion(ShapeInPicture(found), view), 0.95);
  }
}

TEST(ViewFinderTest, PicturesThatAreAllAlikeStayViews) {
  const std::vector<cv::Mat> pictures(5, DrawEndoscopy(1).image);
  for (const View& found : FindViews(pictures)) {
    EXPECT_GE(IntersectionOverUnion(ShapeInPicture(found), DrawEndoscopy(1).view), 0.95);
  }
}

TEST(ViewFinderTest, TheBorderHasItsColour) {
  for (const DrawnPicture& drawn : DrawnPictures()) {
    if (drawn.name != "a white border") continue;
    EXPECT_EQ(FindView(drawn.image).border, cv::Vec3b(250, 250, 250));
  }
  EXPECT_EQ(FindView(DrawTissue({64, 64}, kMucosa, 1)).border, cv::Vec3b(0, 0, 0));
}

}  // namespace
}  // namespace alignflow
