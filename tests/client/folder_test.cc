// What lies in a hospital's folder is found, matched, named and explained: through afctl, against a
// coordinator that keeps what it is sent.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tests/client/folder_fixture.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// --- Nothing is lost silently ---

TEST_F(FolderTest, EveryFileThatIsLeftOutIsNamedWithItsReason) {
  AddThreePairs();
  folder_.Write("images/scan.gif", "x");
  folder_.Write("images/volume.mha", "x");
  folder_.Write("images/.a.png", "x");
  folder_.Write("images/Thumbs.db", "x");
  folder_.Write("masks/readme.txt", "x");
  folder_.Write("images/photo", Encode(".png", Clutter(16, 16)));
  folder_.Write("notes.csv", "x");
  fs::create_directory(path() / "images" / "empty");
  const auto outcome = Push();
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(pairs_sent(), 3);
  EXPECT_THAT(outcome.err,
              HasSubstr("images: 1 left out (an image format that is not read: export it "
                        "as PNG): scan.gif"));
  EXPECT_THAT(outcome.err,
              HasSubstr("volumes of this format are not read: export them as .nii.gz): volume"));
  EXPECT_THAT(outcome.err, HasSubstr("images: 2 left out (hidden, or the operating system's own): "
                                     ".a.png, Thumbs.db"));
  EXPECT_THAT(outcome.err, HasSubstr("masks: 1 left out (text and tables are no images): readme"));
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("images by their content"), HasSubstr("): photo")));
  EXPECT_THAT(outcome.err, HasSubstr("(folders without images): empty"));
  EXPECT_THAT(outcome.err, HasSubstr("(beside images/): notes.csv"));
}

TEST_F(FolderTest, OfManyFilesTheFirstTenAreNamedAndTheRestIsCounted) {
  AddThreePairs();
  for (int i = 10; i < 35; ++i) folder_.Write(absl::StrCat("images/s", i, ".gif"), "x");
  const auto outcome = Push();
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("25 left out"), HasSubstr("s10.gif, s11.gif"),
                                 HasSubstr("s19.gif and 15 more"), Not(HasSubstr("s20.gif"))));
}

TEST_F(FolderTest, FurtherPagesOfATiffAreCounted) {
  AddThreePairs();
  ASSERT_TRUE(cv::imwrite(path() / "images" / "d.tif", std::vector(3, Clutter(16, 16))));
  Add("masks/d.png");
  const auto outcome = Push();
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("pages of a TIFF"), HasSubstr("d.tif (2 of 3 pages)")));
}

TEST_F(FolderTest, FoldersInsideThatHoldImagesAreRefusedWithTheRemedy) {
  AddThreePairs();
  Add({"images/train/x.png", "images/train/deep/y.png", "masks/train/x_mask.png"});
  ExpectRefusedPush({"images/train: holds 2 images", "masks/train: holds 1 image",
                     "move the files up", "afctl dataset push NAME DIR"});
}

TEST_F(FolderTest, AFolderOfSplitsNamesTheCommandForEach) {
  Add({"train/images/x.png", "train/masks/x.png", "val/images/y.png", "val/masks/y.png"});
  ExpectRefusedPush({"no folder of images", "train/ (2 images)", "val/ (2 images)",
                     absl::StrCat("afctl dataset push NAME ", (path() / "train").string())});
}

TEST_F(FolderTest, ASecondFolderOfImagesBesideTheFirstIsRefused) {
  AddThreePairs();
  Add("overlays/a.png");
  ExpectRefusedPush({"overlays: holds 1 image, but only images/ is read with masks/", "move"});
}

TEST_F(FolderTest, AFolderOfAnotherFormatSaysWhatToDo) {
  for (int i = 10; i < 25; ++i) folder_.Write(absl::StrCat("images/s", i, ".gif"), "x");
  Add("masks/s10.png");
  folder_.Write("masks/s.json", "x");
  ExpectRefusedPush(
      {"images: holds no images; 15 left out (an image format that is not read: export it "
       "as PNG): s10.gif"});
}

// --- Folders by other names ---

TEST_F(FolderTest, FoldersThatSayTheSameInOtherWordsAreReadAndNamed) {
  const std::pair<std::string, std::string> cases[] = {{"Images", "Masks"},
                                                       {"image", "mask"},
                                                       {"img", "labels"},
                                                       {"imgs", "masks_png"},
                                                       {"Original", "Ground Truth"},
                                                       {"images", "annotations-mask"},
                                                       {"train_images", "train_masks"}};
  for (const auto& [images, masks] : cases) {
    const TestFolder folder;
    for (const std::string name : {"a", "b"}) {
      folder.Write(absl::StrCat(images, "/", name, ".png"), Encode(".png", Clutter(16, 16)));
      folder.Write(absl::StrCat(masks, "/", name, ".png"), Encode(".png", SquareMask(16, 16, 255)));
    }
    const auto outcome = coordinator_.Run(
        {"dataset", "push", "set", folder.path(), "--labels", "polyp=255", "--json"});
    ASSERT_EQ(outcome.exit, 0) << images << ", " << masks << ": " << outcome.err;
    EXPECT_EQ(pairs_sent(), 2);
    EXPECT_THAT(outcome.err, HasSubstr(absl::StrCat("note: images are read from ", images,
                                                    "/, masks from ", masks, "/")));
  }
}

TEST_F(FolderTest, ImagesBesideTheirFolderOfMasksAreRead) {
  Add({"a.png", "b.png", "masks/a.png", "masks/b.png"});
  const auto outcome = Push();
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(pairs_sent(), 2);
  EXPECT_THAT(outcome.err, HasSubstr("images are read from the folder itself, masks from masks/"));
}

TEST_F(FolderTest, ImagesAndMasksInOneFolderAreToldApartByTheirMark) {
  Add({"a.png", "b.jpg", "a_mask.png", "b_mask.png"});
  const auto outcome = Push();
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(pairs_sent(), 2);
  EXPECT_EQ(coordinator_.datasets.created.manifest().items(1).stem(), "b");
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("from one folder"), HasSubstr("`_mask` at its end")));
}

TEST_F(FolderTest, TwoFoldersThatCouldBothBeTheMasksAreNamedAndRefused) {
  Add({"images/a.png", "mask/a.png"});
  Add("1st_manual/a.png", SquareMask(16, 16, 255));
  ExpectRefusedPush({"1st_manual/", "mask/", "could be the masks", "name the right one masks"});
}

TEST_F(FolderTest, TheFolderOfImagesAloneGetsTheFolderAboveAsAnswer) {
  AddThreePairs();
  const auto outcome = coordinator_.Run({"dataset", "push", "set", path() / "images"});
  EXPECT_EQ(outcome.exit, kExitFailure);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("no folder of masks"), HasSubstr("folder above"),
                                 HasSubstr(fs::canonical(path()).string() + "\n")));
}

// --- Which mask belongs to which image ---

TEST_F(FolderTest, MasksWithAMarkAreMatchedAndTheRuleIsNamed) {
  Add({"images/a.png", "images/b.JPG", "masks/a_Segmentation.TIF", "masks/b_segmentation.bmp"});
  const auto outcome = Push();
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("note: images and masks are matched by this rule: the mask's "
                                     "name is the image's with `_segmentation` at its end (2 "
                                     "pairs)"));
  const v1::DatasetItem& item = coordinator_.datasets.created.manifest().items(0);
  EXPECT_EQ(item.stem(), "a");
  EXPECT_EQ(coordinator_.blobs.Get(item.mask().sha256()),
            ReadAll(path() / "masks" / "a_Segmentation.TIF"));
}

TEST_F(FolderTest, NamesOfAMacAndOfLinuxAreTheSame) {
  Add({"images/e\u0301.png", "images/o.png", "masks/\u00e9.png", "masks/o.png"});
  const auto outcome = Push();
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("Unicode"));
}

TEST_F(FolderTest, FilesThatFollowAnotherRuleThanTheRestAreNamedWithTheRule) {
  Add({"images/a.png", "images/b.png", "images/c.png", "masks/a_mask.png", "masks/b_mask.png",
       "masks/c.png"});
  ExpectRefusedPush({"images/c.png: has no mask", "masks/c.png: has no image", "`_mask` at its end",
                     "same rule"});
}

TEST_F(FolderTest, BothFilesOfAnAmbiguousMatchAreNamed) {
  Add({"images/a.png", "images/b.png", "images/c.png", "masks/A.png", "masks/a.png", "masks/B.png",
       "masks/C.png"});
  ExpectRefusedPush({"masks/a.png: has the same stem as A.png"});
}

// --- All faults at once ---

TEST_F(FolderTest, AllFaultsAreToldAtOnceGroupedByKindWithOneRemedyEach) {
  AddThreePairs();
  Add({"images/alone.png", "images/alone2.png", "masks/lonely.png", "images/d.png", "masks/d.png",
       "images/e.png", "images/e.jpg", "masks/e.png"});
  Add("masks/b.png", SquareMask(8, 16, 255));
  Add("masks/d.png", SquareMask(16, 16, 17));
  folder_.Write("images/a.png", Encode(".png", Clutter(16, 16)).substr(0, 300));
  folder_.Write("images/c.png", "");
  folder_.Write("images/x..y.png", Encode(".png", Clutter(16, 16)));
  ExpectRefusedPush({"9 faults", "images without a mask (2): add the masks", "alone.png: has no",
                     "alone2.png", "masks without an image (1)", "masks/lonely.png",
                     "masks of another size than their image (1): both must have the same size",
                     "8x16", "images that cannot be used (1)", "images/a.png: ", "cut short",
                     "images/c.png: the file is empty", "names that could mean two files (1)",
                     "images/e.png: has the same stem as e.jpg", "names that cannot be kept (1)",
                     "x..y", "label values that --labels does not name (1)", "value 17"});
}

TEST_F(FolderTest, OfEachKindOfFaultTwentyAreNamedAndTheRestIsCounted) {
  AddThreePairs();
  for (int i = 10; i < 50; ++i) Add(absl::StrCat("images/n", i, ".png"));
  folder_.Write("images/a.png", "");
  ExpectRefusedPush({"images without a mask (40)", "n10.png", "n29.png", "and 20 more",
                     "images/a.png: the file is empty"});
}

TEST_F(FolderTest, FaultsOfReferencesAreToldAtOnceToo) {
  Add({"r1.png", "r2.png", "r3.png", "r3.jpg"});
  folder_.Write("r1.png", "");
  folder_.Write("r2.png", "no picture");
  folder_.Write("r4.gif", "x");
  const auto outcome = Align();
  EXPECT_EQ(outcome.exit, kExitFailure);
  for (const std::string text : {"--references", "3 faults", "r1.png: the file is empty", "r2.png",
                                 "r3.png: has the same stem as r3.jpg"}) {
    EXPECT_THAT(outcome.err, HasSubstr(text));
  }
  EXPECT_TRUE(coordinator_.blobs.write_offsets().empty());
}

TEST_F(FolderTest, MasksAmongReferencesAreNotTakenForImages) {
  Add({"r1.png", "r2.png", "r1_mask.png", "r2_mask.png", "masks/r1.png"});
  const auto outcome = Align();
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(coordinator_.jobs.job.spec().references_size(), 2);
  EXPECT_THAT(outcome.err,
              AllOf(HasSubstr("r1_mask.png, r2_mask.png"), HasSubstr("2 left out"),
                    HasSubstr("note: masks/ is passed over: of references, only the")));
}

TEST_F(FolderTest, ASecondFolderOfReferencesIsRefused) {
  Add({"r1.png", "more/r2.png"});
  const auto outcome = Align();
  EXPECT_EQ(outcome.exit, kExitFailure);
  EXPECT_THAT(outcome.err, HasSubstr("more: holds 1 image"));
}

// --- Labels ---

TEST_F(FolderTest, TheGuessIsPrintedAsATable) {
  AddThreePairs();
  const auto outcome = Push({});
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("guessed from the masks"));
  EXPECT_THAT(outcome.err, HasSubstr("VALUE  NAME        CLASS  PIXELS    SHARE   MASKS\n"
                                     "    0  background      0     576  75.00 %  3 of 3\n"
                                     "  255  class-255       1     192  25.00 %  3 of 3\n"));
  EXPECT_EQ(outcome.json()["label_use"][1]["pixels"], 192);
}

TEST_F(FolderTest, GivenLabelsHaveTheSameTableAndOneThatNeverOccursIsAWarning) {
  AddThreePairs();
  const auto outcome = Push({"--labels", "polyp=255,tool=128"});
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("labels, as given with --labels"),
                                 HasSubstr("  255  polyp           1     192  25.00 %  3 of 3\n"),
                                 HasSubstr("  128  tool            2       0   0.00 %  0 of 3\n"),
                                 HasSubstr("warning: no mask holds a pixel of tool (value 128)")));
}

TEST_F(FolderTest, ABackgroundThatIsNotAtTheBordersIsAWarning) {
  for (const std::string name : {"a", "b"}) {
    Add("images/" + name + ".png");
    cv::Mat mask(16, 16, CV_8U, cv::Scalar(0));  // the frame is white, what is inside fills most
    cv::rectangle(mask, {0, 0, 16, 16}, 255);
    Add("masks/" + name + ".png", mask);
  }
  const auto outcome = Push({});
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("warning: the background is 0, but along the borders of the "
                                     "masks 255 is the most frequent value (100 % of them)"));
}

TEST_F(FolderTest, AStrayValueIsNamedWithItsCountItsFilesAndTheNearestLabel) {
  AddThreePairs();
  for (const std::string name : {"a", "c"}) {
    cv::Mat mask = SquareMask(16, 16, 255);
    mask.at<uint8_t>(8, 8) = 254;
    Add("masks/" + name + ".png", mask);
  }
  ExpectRefusedPush({"masks/a.png: value 254 (2 pixels in 2 masks: a.png, c.png) is no label",
                     "nearest is polyp=255", "threshold", "--labels polyp=255,background=0,NAME="});
}

TEST_F(FolderTest, AGuessMakesNoClassOfASlip) {
  AddThreePairs();
  cv::Mat mask(80, 80, CV_8U, cv::Scalar(0));
  mask(cv::Rect(0, 0, 80, 40)) = 255;
  mask.at<uint8_t>(3, 3) = 254;
  Add("images/a.png", Clutter(80, 80));
  Add("masks/a.png", mask);
  ExpectRefusedPush({"masks/a.png: value 254 (1 pixel)", "beside value 255", "--labels"}, {});
}

// --- Words ---

TEST_F(FolderTest, AnEmptyFileIsCalledEmpty) {
  AddThreePairs();
  folder_.Write("masks/b.png", "");
  ExpectRefusedPush({"masks/b.png: the file is empty; copy it again from where it came"});
}

TEST_F(FolderTest, ARefusalByTheCoordinatorSpeaksOfFilesAndOptions) {
  AddThreePairs();
  const std::tuple<std::string, std::string> cases[] = {
      {"manifest.items[1] 'b', image: not a PNG", "images/b.png: not a PNG"},
      {"manifest.items[2] 'c', mask: is missing", "masks/c.png: is missing"},
      {"manifest.items[0].stem: bad", "images/a.png: bad"},
      {"manifest.labels: twice", ": --labels: twice"},
      {"dataset_id: taken", ": the dataset's name: taken"}};
  for (const auto& [said, heard] : cases) {
    coordinator_.datasets.refusal = {grpc::StatusCode::INVALID_ARGUMENT, said};
    EXPECT_THAT(Push().err, AllOf(HasSubstr(heard), Not(HasSubstr("manifest"))));
  }
  const std::string digest = Sha256OfString(ReadAll(path() / "masks" / "b.png"));
  coordinator_.datasets.refusal = {grpc::StatusCode::FAILED_PRECONDITION,
                                   "manifest.items[1] 'b', mask: blob " + digest +
                                       " has not been written; write it, then try "
                                       "again"};
  EXPECT_THAT(Push().err, HasSubstr("masks/b.png: the file has not been written; run the command"));
}

TEST_F(FolderTest, ARefusalOfAJobSpeaksOfFilesAndOptions) {
  Add({"r1.png", "r2.png"});
  const std::tuple<std::string, std::string> cases[] = {
      {"spec.references[1] 'r2', image: cut short", (path() / "r2.png").string() + ": cut short"},
      {"spec.source: there is no datasets/x; push it first",
       "--source: there is no dataset x; push it first with `afctl dataset push`"},
      {"spec.settings: no such", "--set: no such"}};
  for (const auto& [said, heard] : cases) {
    coordinator_.jobs.refusal = {grpc::StatusCode::INVALID_ARGUMENT, said};
    EXPECT_THAT(Align().err, AllOf(HasSubstr(heard), Not(HasSubstr("spec."))));
  }
}

// --- docs/data.md ---

// Rows of the table that follows a heading, their cells trimmed and without backquotes.
std::vector<std::vector<std::string>> RowsOfDocs(const std::string& heading) {
  const std::string text = ReadFile(fs::path(ALIGNFLOW_TEST_DATA) / "../../docs/data.md");
  const size_t begin = text.find(heading);
  EXPECT_NE(begin, std::string::npos) << heading;
  std::vector<std::vector<std::string>> rows;
  for (const auto& line : absl::StrSplit(text.substr(std::min(begin, text.size())), '\n')) {
    if (!absl::StartsWith(line, "|")) {
      if (!rows.empty()) break;
      continue;
    }
    std::vector<std::string> cells = absl::StrSplit(line, '|');
    cells = {cells.begin() + 1, cells.end() - 1};
    for (std::string& cell : cells) {
      absl::StripAsciiWhitespace(&cell);
      cell.erase(std::remove(cell.begin(), cell.end(), '`'), cell.end());
    }
    rows.push_back(std::move(cells));
  }
  if (rows.size() >= 2) rows.erase(rows.begin(), rows.begin() + 2);  // head and rule
  return rows;
}

TEST_F(FolderTest, TheNamesThatTheDocumentationPromisesAreRead) {
  const auto rows = RowsOfDocs("### Names that are read");
  EXPECT_GE(rows.size(), 10u);
  for (const auto& row : rows) {
    ASSERT_EQ(row.size(), 3u);
    const TestFolder folder;
    for (const std::string number : {"1", "2", "3"}) {
      const auto name = [&](std::string text) {
        return absl::StrReplaceAll(text, {{"7", number}});
      };
      folder.Write(name(row[0]), Encode(FormatOf(row[0]), Clutter(16, 16)));
      folder.Write(name(row[1]), Encode(FormatOf(row[1]), SquareMask(16, 16, 255)));
    }
    const auto outcome = coordinator_.Run(
        {"dataset", "push", "set", folder.path(), "--labels", "polyp=255", "--json"});
    ASSERT_EQ(outcome.exit, 0) << row[0] << ": " << outcome.err;
    EXPECT_EQ(pairs_sent(), 3) << row[0];
    EXPECT_EQ(absl::StrContains(outcome.err, "note: "), row[2] == "yes") << row[0] << outcome.err;
    EXPECT_THAT(outcome.err, Not(HasSubstr("left out"))) << row[0];
  }
}

}  // namespace
}  // namespace alignflow
