#include "worker/framing/frame.h"

#include <gtest/gtest.h>

#include <opencv2/imgproc.hpp>

#include "tests/worker/framing/drawn_pictures.h"

namespace alignflow {
namespace {

constexpr int kSide = 256;

std::vector<cv::Mat> References(const std::string& word) {
  std::vector<cv::Mat> pictures;
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    cv::Mat small;
    cv::resize(DrawEndoscopy(seed, word).image, small, {256, 192}, 0, 0, cv::INTER_AREA);
    pictures.push_back(small);
  }
  return pictures;
}

std::vector<Frame> FramesOf(const std::vector<cv::Mat>& pictures, const std::vector<View>& views) {
  std::vector<Frame> frames;
  for (const FramePlan& plan : CommonFrames(pictures, views)) {
    frames.push_back(FrameAt(plan, kSide));
  }
  return frames;
}

// Pixels far brighter than the border that lie around the view.
int BrightAround(const cv::Mat& framed, const Frame& frame, const cv::Rect& where) {
  cv::Mat grey, view(framed.size(), CV_8U, cv::Scalar(0));
  cv::cvtColor(framed, grey, cv::COLOR_BGR2GRAY);
  frame.shape.copyTo(view(frame.box));
  return cv::countNonZero(((grey > 60) & (view == 0))(where));
}

TEST(FrameTest, PairsGetTheReferencesFrame) {
  const std::vector<cv::Mat> pictures = References("");
  const std::vector<View> views = FindViews(pictures);
  const std::vector<Frame> frames = FramesOf(pictures, views);
  const cv::Mat view = DrawTissue({128, 128}, kMucosa, 50);
  for (size_t i = 0; i < frames.size(); ++i) {
    const cv::Mat framed = PutIntoFrame(view, frames[i]);
    ASSERT_EQ(framed.size(), cv::Size(256, 192));
    const View found = FindView(framed);
    EXPECT_GE((found.box & views[i].box).area(), 0.93 * (found.box | views[i].box).area());
  }
}

TEST(FrameTest, TheBoxThatAllReferencesHaveStays) {
  const std::vector<cv::Mat> pictures = References("");
  const Frame frame = FramesOf(pictures, FindViews(pictures))[0];
  const cv::Vec3b middle = frame.surroundings.at<cv::Vec3b>(160, 34);
  EXPECT_NEAR(middle[1], 170, 10) << "green";
}

TEST(FrameTest, NoWordOfAReferenceIsInAFrame) {
  // The same name in every reference, as where all are of one patient; and one in one of them.
  for (const bool all : {true, false}) {
    std::vector<cv::Mat> pictures = References(all ? "NAME 1970" : "");
    if (!all) {
      cv::resize(DrawEndoscopy(1, "NAME 1970").image, pictures[0], {256, 192}, 0, 0,
                 cv::INTER_AREA);
    }
    const cv::Rect written(0, 8, 75, 24);
    cv::Mat grey;
    cv::cvtColor(pictures[0], grey, cv::COLOR_BGR2GRAY);
    ASSERT_GT(cv::countNonZero((grey > 60)(written)), 50) << "the word is there";
    const cv::Mat view = DrawTissue({128, 128}, kMucosa, 50);
    for (const Frame& frame : FramesOf(pictures, FindViews(pictures))) {
      EXPECT_EQ(BrightAround(PutIntoFrame(view, frame), frame, written), 0);
    }
  }
}

TEST(FrameTest, ASecondPictureThatChangesIsInNoFrame) {
  std::vector<cv::Mat> pictures = References("");
  const cv::Rect place(4, 20, 60, 60);
  for (size_t i = 0; i < pictures.size(); ++i) {
    DrawTissue({60, 60}, kMucosa, 100 + i).copyTo(pictures[i](place));
  }
  const cv::Mat view = DrawTissue({128, 128}, kMucosa, 50);
  for (const Frame& frame : FramesOf(pictures, FindViews(pictures))) {
    EXPECT_EQ(BrightAround(PutIntoFrame(view, frame), frame, place), 0);
  }
}

TEST(FrameTest, FewReferencesGiveTheBordersColourAlone) {
  const std::vector<cv::Mat> pictures{References("")[0]};
  const Frame frame = FramesOf(pictures, FindViews(pictures))[0];
  cv::Mat lowest, highest;
  const cv::Mat pixels =
      frame.surroundings.reshape(1, static_cast<int>(frame.surroundings.total()));
  cv::reduce(pixels, lowest, 0, cv::REDUCE_MIN);
  cv::reduce(pixels, highest, 0, cv::REDUCE_MAX);
  EXPECT_EQ(cv::countNonZero(lowest != highest), 0);
}

TEST(FrameTest, ImageAndMaskGoThroughOneTransform) {
  cv::Mat view(128, 128, CV_8UC3, cv::Scalar(40, 60, 120)), mask(128, 128, CV_8U, cv::Scalar(0));
  const cv::Rect lesion(40, 50, 30, 20);
  view(lesion).setTo(cv::Scalar(40, 60, 250));
  mask(lesion).setTo(255);
  const std::vector<cv::Mat> pictures = References("");
  const Frame frame = FramesOf(pictures, FindViews(pictures))[0];
  std::vector<cv::Mat> channels;
  cv::split(PutIntoFrame(view, frame), channels);
  const cv::Mat seen = channels[2] > 185;
  EXPECT_GE(IntersectionOverUnion(seen, PutMaskIntoFrame(mask, frame, 0)), 0.9);
}

TEST(FrameTest, WhatAFrameCutsOffIsCounted) {
  const std::vector<cv::Mat> pictures = References("");
  const Frame frame = FramesOf(pictures, FindViews(pictures))[0];
  cv::Mat mask(64, 64, CV_8U, cv::Scalar(0));
  EXPECT_EQ(KeptShare(mask, frame, 0), 1);
  mask(cv::Rect(24, 24, 16, 16)).setTo(1);
  EXPECT_EQ(KeptShare(mask, frame, 0), 1);
  mask.setTo(0);
  mask(cv::Rect(0, 0, 3, 3)).setTo(1);  // in the octagon's corner
  EXPECT_LT(KeptShare(mask, frame, 0), 0.2);
}

}  // namespace
}  // namespace alignflow
