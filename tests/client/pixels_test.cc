// What is in a hospital's image files is read as it was meant, or refused in its words: through
// afctl, against a coordinator that keeps what it is sent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/client/fake_coordinator.h"
#include "tests/worker/data/format_kinds.h"

namespace alignflow {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class PixelsTest : public testing::Test {
 protected:
  void Add(const std::string& name, const std::string& image, const std::string& mask) const {
    folder_.Write("images/" + name + ".png", image);
    folder_.Write("masks/" + name + ".png", mask);
  }
  FakeCoordinator::Outcome Push(std::vector<std::string> more = {"--labels", "polyp=255"}) {
    std::vector<std::string> arguments = {"dataset", "push", "set", folder_.path(), "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return coordinator_.Run(arguments);
  }
  const v1::Manifest& manifest() { return coordinator_.datasets.created.manifest(); }
  void ExpectRefused(const FakeCoordinator::Outcome& outcome, const std::string& words) {
    EXPECT_EQ(outcome.exit, kExitFailure);
    EXPECT_THAT(outcome.err, HasSubstr(words));
    EXPECT_EQ(manifest().items_size(), 0) << "nothing is registered";
  }

  TestFolder folder_;
  FakeCoordinator coordinator_;
  const std::string image_ = Encode(".png", KindImage());
  const std::string mask_ = Encode(".png", KindMask(255));
};

TEST_F(PixelsTest, MasksInColoursArePushedWithTheirColours) {
  Add("a", image_, Encode(".png", ColouredSquare()));
  const auto outcome = Push({"--labels", "polyp=#FF0000,background=#000000"});
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  ASSERT_EQ(manifest().labels_size(), 1);
  EXPECT_EQ(manifest().labels(0).colour(), "#ff0000");
  EXPECT_EQ(manifest().background_colour(), "#000000");
  EXPECT_THAT(outcome.err, HasSubstr("#ff0000")) << "the table shows what the masks store";
}

TEST_F(PixelsTest, MasksInColoursWithoutATableAreRefusedWithTheirColours) {
  Add("a", image_, Encode(".png", ColouredSquare()));
  ExpectRefused(Push(), "#ff0000 (96)");
  ExpectRefused(Push({}), "--labels 'polyp=#ff0000,background=#000000'");
}

TEST_F(PixelsTest, The16BitsThatASetUsesAreToldAndRegistered) {
  Add("a", Encode(".png", cv::Mat(kKindHeight, kKindWidth, CV_16U, cv::Scalar(4012))), mask_);
  Add("b", Encode(".png", cv::Mat(kKindHeight, kKindWidth, CV_16U, cv::Scalar(900))), mask_);
  const auto outcome = Push();
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(manifest().sample_bits(), 12);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("4012"), HasSubstr("12 bits"), HasSubstr("4095")));
}

TEST_F(PixelsTest, AnOrdinarySetSaysNothingOfBits) {
  Add("a", image_, mask_);
  ASSERT_EQ(Push().exit, 0);
  EXPECT_EQ(manifest().sample_bits(), 0);
}

TEST_F(PixelsTest, ReferencesHaveBitsOfTheirOwn) {
  folder_.Write("r.png", Encode(".png", cv::Mat(9, 9, CV_16U, cv::Scalar(1000))));
  const auto outcome = coordinator_.Run(
      {"align", "--json", "--source", "s", "--references", folder_.path(), "--pairs", "4"});
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(coordinator_.jobs.job.spec().reference_sample_bits(), 10);
}

TEST_F(PixelsTest, TurnedImagesAreCountedInAWarning) {
  const cv::Mat tall = Clutter(kKindHeight, kKindWidth);
  Add("a", TurnedJpeg(Encode(".jpg", tall), 6), mask_);
  const auto outcome = Push();
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("1 image: turned as the EXIF orientation says"));
}

TEST_F(PixelsTest, AMaskThatDoesNotFitBecauseOfTheOrientationIsToldSo) {
  Add("a", TurnedJpeg(Encode(".jpg", KindImage()), 6), mask_);
  ExpectRefused(Push(), "the image is turned by its EXIF orientation and the mask is not; turn");
}

TEST_F(PixelsTest, JpegMasksAreReadByTheirPeaks) {
  const cv::Mat mask = SquareMask(128, 96, 255);
  for (const char* name : {"a", "b"}) {
    Add(name, Encode(".jpg", Clutter(128, 96)), Encode(".jpg", mask));
  }
  const auto guessed = Push({});
  ASSERT_EQ(guessed.exit, 0) << guessed.err;
  ASSERT_EQ(manifest().labels_size(), 1);
  EXPECT_EQ(manifest().labels(0).value(), 255);
  EXPECT_THAT(guessed.err, HasSubstr("2 masks: stored with loss"));
  ASSERT_EQ(Push().exit, 0) << "and with --labels";
}

TEST_F(PixelsTest, AJpegThatIsNoMaskIsRefused) {
  Add("a", image_, Encode(".jpg", KindImage(CV_8UC1)));
  ExpectRefused(Push(), "further than 16 from every label");
}

TEST_F(PixelsTest, WhatTheServerUsedToRefuseAfterTheUploadIsTaken) {
  Add("rgb", image_, Encode(".png", Threefold(KindMask(255))));
  Add("bmp", image_, PaletteBmp(KindMask(255), 8, GreyPalette(256)));
  Add("alpha", image_,
      PngOf(TwoChannels(KindMask(255), 255), {.color = PNG_COLOR_TYPE_GRAY_ALPHA}));
  Add("webp", WebpOf(KindImage()), WebpOf(Threefold(KindMask(255))));
  const auto outcome = Push();
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(manifest().items_size(), 4);
}

TEST_F(PixelsTest, AnEmptyFileIsNotToBeExportedAsPngWith8Bits) {
  Add("a", "", mask_);
  const auto outcome = Push();
  ExpectRefused(outcome, "copy it again");
  EXPECT_EQ(outcome.err.find("8 bits"), std::string::npos);
}

}  // namespace
}  // namespace alignflow
