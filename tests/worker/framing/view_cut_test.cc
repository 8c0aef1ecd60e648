#include "worker/framing/view_cut.h"

#include <gtest/gtest.h>

#include <opencv2/imgproc.hpp>

#include "tests/worker/framing/drawn_pictures.h"

namespace alignflow {
namespace {

cv::Mat DrawMask(cv::Size size) {
  cv::Mat mask(size, CV_8U, cv::Scalar(7));
  cv::circle(mask, {size.width * 3 / 5, size.height / 2}, 50, cv::Scalar(200), cv::FILLED);
  return mask;
}

TEST(ViewCutTest, AMaskComesBackWhereItWas) {
  for (const DrawnPicture& drawn : DrawnPictures()) {
    SCOPED_TRACE(drawn.name);
    const View view = FindView(drawn.image);
    const cv::Mat mask = DrawMask(drawn.image.size());
    const cv::Mat back = PutMaskBack(CutMask(mask, view, view.box.size(), 7), view, 7);
    cv::Mat inside(mask.size(), CV_8U, cv::Scalar(0));
    ShapeAt(view, view.box.size()).copyTo(inside(view.box));
    cv::Mat expected = mask.clone();
    expected.setTo(7, inside == 0);
    EXPECT_EQ(cv::countNonZero(back != expected), 0);
  }
}

TEST(ViewCutTest, AroundTheShapeThePictureGoesOnSmoothly) {
  const DrawnPicture drawn = DrawEndoscopy(3);
  const View view = FindView(drawn.image);
  const cv::Mat cut = CutImage(drawn.image, view, {128, 128});
  cv::Mat darkest;
  cv::reduce(cut.reshape(1, static_cast<int>(cut.total())), darkest, 0, cv::REDUCE_MIN);
  // Border and box are gone: the red of the tissue is everywhere.
  EXPECT_GT(darkest.at<uint8_t>(0, 2), 80);
  cv::Mat shape = ShapeAt(view, {128, 128});
  EXPECT_EQ(shape.at<uint8_t>(0, 0), 0) << "the octagon's corner is no view";
}

TEST(ViewCutTest, AViewThatIsAPixelTooWideLeavesNoDarkLineAtThePicturesOwnSize) {
  cv::Mat image(256, 256, CV_8UC3, cv::Scalar(0, 0, 0));
  cv::circle(image, {128, 128}, 110, cv::Scalar(60, 80, 200), cv::FILLED);
  View view{.width = 256,
            .height = 256,
            .box = {0, 0, 256, 256},
            .shape = cv::Mat::zeros(256, 256, CV_8U),
            .border = {0, 0, 0}};
  cv::circle(view.shape, {128, 128}, 111, cv::Scalar(255), cv::FILLED);
  cv::Mat red;
  cv::extractChannel(CutImage(image, view, {256, 256}), red, 2);
  double darkest = 0;
  cv::minMaxLoc(red, &darkest);
  EXPECT_GT(darkest, 150);
}

TEST(ViewCutTest, AViewKeepsItsPlaceAtAnotherSize) {
  const View view = FindView(DrawEndoscopy(4).image);
  const View small = AtSize(view, 320, 240);
  EXPECT_NEAR(small.box.x, view.box.x / 2.0, 1);
  EXPECT_NEAR(small.box.width, view.box.width / 2.0, 1);
  EXPECT_EQ(AtSize(view, view.width, view.height).box, view.box);
  EXPECT_GE(AtSize(view, 1, 1).box.area(), 1);
}

}  // namespace
}  // namespace alignflow
