// Images cut to their fields of view and masks put back, through afctl.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <opencv2/imgproc.hpp>

#include "absl/strings/str_cat.h"
#include "tests/client/folder_fixture.h"
#include "tests/worker/framing/drawn_pictures.h"
#include "worker/data/image_decode.h"
#include "worker/data/image_file.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class ViewTest : public FolderTest {
 protected:
  void AddPair(const std::string& name, uint64_t seed) {
    const DrawnPicture drawn = DrawEndoscopy(seed);
    cv::Mat mask(drawn.image.size(), CV_8U, cv::Scalar(0));
    cv::circle(mask, {400, 240}, 60, cv::Scalar(255), cv::FILLED);
    Add("set/images/" + name + ".png", drawn.image);
    Add("set/masks/" + name + ".png", mask);
  }
  FakeCoordinator::Outcome View(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"view", path() / "set", path() / "out", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return coordinator_.Run(arguments);
  }
  FakeCoordinator::Outcome Undo(const fs::path& masks) {
    return coordinator_.Run({"view", "--undo", path() / "out", masks, path() / "back", "--json"});
  }
  static cv::Mat MaskIn(const fs::path& file) {
    return *DecodeMask(*ReadImageFile(file), file.string());
  }
};

TEST_F(ViewTest, ImagesAndMasksAreCutTogether) {
  AddPair("a", 1);
  AddPair("b", 2);
  const auto outcome = View();
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(outcome.json()["images"], 2);
  const auto image = *DecodeImage(*ReadImageFile(path() / "out/images/a.png"), "a");
  EXPECT_NEAR(image.cols, 430, 12);
  EXPECT_NEAR(image.rows, 440, 12);
  EXPECT_EQ(MaskIn(path() / "out/masks/a.png").size(), image.size());
  EXPECT_TRUE(fs::exists(path() / "out/contact-sheet.png"));
}

TEST_F(ViewTest, MasksOfViewsGoBackToWhereTheyWere) {
  AddPair("a", 1);
  AddPair("b", 2);
  ASSERT_EQ(View().exit, 0);
  const auto outcome = Undo(path() / "out");
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  for (const char* name : {"a", "b"}) {
    const std::string file = absl::StrCat(name, ".png");
    EXPECT_EQ(
        cv::norm(MaskIn(path() / "back" / file), MaskIn(path() / "set/masks" / file), cv::NORM_INF),
        0);
  }
}

TEST_F(ViewTest, AFolderOfImagesAloneIsCutToASizeOfChoice) {
  Add("set/x.png", DrawEndoscopy(1).image);
  const auto outcome = View({"--size", "64"});
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(DecodeImage(*ReadImageFile(path() / "out/images/x.png"), "x")->size(),
            cv::Size(64, 64));
  EXPECT_FALSE(fs::exists(path() / "out/masks"));
  EXPECT_THAT(View({"--labels", "polyp=255"}).err, HasSubstr("has no masks"));
}

TEST_F(ViewTest, NothingIsWrittenOverFilesThatAreThere) {
  AddPair("a", 1);
  folder_.Write("out/mine.txt", "x");
  const auto outcome = View();
  EXPECT_EQ(outcome.exit, kExitFailure);
  EXPECT_THAT(outcome.err, HasSubstr("not empty"));
  EXPECT_FALSE(fs::exists(path() / "out/images"));
}

TEST_F(ViewTest, MasksWithoutAViewAreNamed) {
  AddPair("a", 1);
  ASSERT_EQ(View().exit, 0);
  Add("predicted/masks/other.png", SquareMask(16, 16, 255));
  const auto outcome = Undo(path() / "predicted");
  EXPECT_EQ(outcome.exit, kExitFailure);
  EXPECT_THAT(outcome.err, HasSubstr("other.png"));
  EXPECT_FALSE(fs::exists(path() / "back"));
  EXPECT_THAT(coordinator_.Run({"view", "--undo", path() / "nowhere", path(), path() / "b"}).err,
              HasSubstr("views.jsonl"));
}

TEST_F(ViewTest, AnEditedListOfViewsIsRefusedWithItsLine) {
  AddPair("a", 1);
  ASSERT_EQ(View().exit, 0);
  const std::string line = *ReadImageFile(path() / "out/views.jsonl");
  for (const std::string& text : {line + "{}\n", line + "x\n",
                                  line + R"({"name":"b","width":10,"height":10,)"
                                         R"("view":[5,5,9,9],"background":0,"shape":""})"}) {
    std::ofstream(path() / "out/views.jsonl") << text;
    const auto outcome = Undo(path() / "out");
    EXPECT_EQ(outcome.exit, kExitFailure);
    EXPECT_THAT(outcome.err, HasSubstr("line 2"));
  }
}

}  // namespace
}  // namespace alignflow
