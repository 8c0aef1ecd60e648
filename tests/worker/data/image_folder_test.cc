#include "worker/data/image_folder.h"

#include "absl/strings/str_cat.h"
#include "tests/worker/data/test_images.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

LabelTable Polyp() { return *LabelTable::Parse("polyp=255"); }

// Three good pairs: a.jpg, b.png, c.png.
class ScanDatasetTest : public testing::Test {
 protected:
  ScanDatasetTest() {
    folder_.Write("images/a.jpg", Encode(".jpg", Clutter(24, 16)));
    folder_.Write("images/b.png", Encode(".png", Clutter(32, 32)));
    folder_.Write("images/c.png", Encode(".png", Clutter(8, 8)));
    folder_.Write("masks/a.png", Encode(".png", SquareMask(24, 16, 255)));
    folder_.Write("masks/b.png", Encode(".png", SquareMask(32, 32, 255)));
    folder_.Write("masks/c.png", Encode(".png", SquareMask(8, 8, 255)));
  }
  absl::Status Scan() const { return ScanDataset(folder_.path(), Polyp()).status(); }

  TestFolder folder_;
};

TEST_F(ScanDatasetTest, PairsAreFoundByStemAndSorted) {
  const auto folder = ScanDataset(folder_.path(), Polyp());
  ASSERT_TRUE(folder.ok()) << folder.status();
  ASSERT_EQ(folder->items.size(), 3u);
  EXPECT_EQ(folder->items[0].name, "a");
  EXPECT_EQ(folder->items[0].width, 24);
  EXPECT_EQ(folder->items[0].height, 16);
  EXPECT_EQ(folder->items[0].image, folder_.path() / "images/a.jpg");
  EXPECT_EQ(folder->items[2].mask, folder_.path() / "masks/c.png");
  EXPECT_EQ(folder->labels, Polyp());
  EXPECT_THAT(folder->warnings, IsEmpty());
}

TEST_F(ScanDatasetTest, LabelsAreGuessedAndWhatTheyAreIsCounted) {
  const auto folder = ScanDataset(folder_.path(), std::nullopt);
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ(folder->labels.ToString(), "class-255=255,background=0");
  EXPECT_EQ(folder->labels_from, LabelOrigin::kGuessed);
  ASSERT_EQ(folder->label_rows.size(), 2u);
  EXPECT_EQ(folder->label_rows[1].name, "class-255");
  EXPECT_EQ(folder->label_rows[1].class_index, 1);
  EXPECT_EQ(folder->label_rows[1].pixels, 12 * 8 + 16 * 16 + 4 * 4);
  EXPECT_DOUBLE_EQ(folder->label_rows[1].share,
                   (12 * 8 + 16 * 16 + 4 * 4) / (24.0 * 16 + 32 * 32 + 8 * 8));
  EXPECT_EQ(folder->label_rows[1].masks, 3u);
  EXPECT_THAT(folder->warnings, IsEmpty());
}

TEST_F(ScanDatasetTest, OtherFilesArePassedOverWithAWarning) {
  folder_.Write("images/notes.txt", "x");
  folder_.Write("images/.hidden.png", "x");
  const auto folder = ScanDataset(folder_.path(), Polyp());
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_THAT(folder->warnings, ElementsAre(AllOf(HasSubstr("hidden"), HasSubstr(".hidden.png")),
                                            AllOf(HasSubstr("text"), HasSubstr("notes.txt"))));
}

TEST_F(ScanDatasetTest, ImageWithoutMaskIsRefused) {
  fs::remove(folder_.path() / "masks/b.png");
  ExpectRefused(Scan(), {"images/b.png", "has no mask", "masks/b.png"});
}

TEST_F(ScanDatasetTest, MaskWithoutImageIsRefused) {
  fs::remove(folder_.path() / "images/b.png");
  ExpectRefused(Scan(), {"masks/b.png", "has no image"});
}

TEST_F(ScanDatasetTest, SizeMismatchIsRefused) {
  folder_.Write("masks/b.png", Encode(".png", SquareMask(16, 32, 255)));
  ExpectRefused(Scan(), {"masks/b.png", "16x32", "32x32", "same size"});
}

TEST_F(ScanDatasetTest, ValueOutsideOfTheLabelTableIsRefused) {
  folder_.Write("masks/b.png", Encode(".png", SquareMask(32, 32, 254)));
  ExpectRefused(Scan(), {"masks/b.png", "value 254 (256 pixels)", "--labels"});
}

TEST_F(ScanDatasetTest, TruncatedImageIsRefused) {
  const std::string file = Encode(".jpg", Clutter(24, 16));
  folder_.Write("images/a.jpg", file.substr(0, file.size() - 20));
  ExpectRefused(Scan(), {"images/a.jpg", "cut short"});
}

TEST_F(ScanDatasetTest, CorruptMaskIsRefused) {
  std::string file = Encode(".png", SquareMask(32, 32, 255));
  file[file.size() / 2] ^= 4;
  folder_.Write("masks/b.png", file);
  ExpectRefused(Scan(), {"masks/b.png", "damaged"});
}

TEST_F(ScanDatasetTest, FileThatIsNoImageIsRefused) {
  folder_.Write("images/b.png", "hello");
  ExpectRefused(Scan(), {"images/b.png", "not a PNG"});
}

TEST_F(ScanDatasetTest, EmptyFileIsRefused) {
  folder_.Write("images/b.png", "");
  ExpectRefused(Scan(), {"images/b.png", "empty"});
}

TEST_F(ScanDatasetTest, BombIsRefused) {
  std::string bomb = Encode(".bmp", Clutter(8, 8));
  for (const size_t at : {18, 22}) bomb.replace(at, 4, std::string("\x40\x9c\0\0", 4));
  folder_.Write("images/c.png", bomb);
  ExpectRefused(Scan(), {"images/c.png", "40000x40000"});
}

TEST_F(ScanDatasetTest, OversizedFileIsRefusedUnread) {
  fs::resize_file(folder_.path() / "images/c.png", (uintmax_t{256} << 20) + 1);  // sparse
  ExpectRefused(Scan(), {"images/c.png", "256 MiB"});
}

TEST_F(ScanDatasetTest, TwoFilesWithOneStemAreRefused) {
  folder_.Write("images/b.jpg", Encode(".jpg", Clutter(32, 32)));
  ExpectRefused(Scan(), {"images/b.png", "same stem as b.jpg", "rename"});
}

TEST_F(ScanDatasetTest, LinkOutOfTheFolderIsRefused) {
  TestFolder elsewhere;
  elsewhere.Write("secret.png", Encode(".png", Clutter(8, 8)));
  fs::remove(folder_.path() / "images/c.png");
  fs::create_symlink(elsewhere.path() / "secret.png", folder_.path() / "images/c.png");
  ExpectRefused(Scan(), {"images/c.png", "leads out of the folder"});
}

TEST_F(ScanDatasetTest, LinkedImagesFolderElsewhereIsRefused) {
  TestFolder elsewhere;
  fs::rename(folder_.path() / "images", elsewhere.path() / "images");
  fs::create_directory_symlink(elsewhere.path() / "images", folder_.path() / "images");
  ExpectRefused(Scan(), {"/images: the link leads out of the folder"});
}

TEST_F(ScanDatasetTest, LinkWithinTheFolderIsFollowed) {
  fs::rename(folder_.path() / "images/c.png", folder_.path() / "original.png");
  fs::create_symlink("../original.png", folder_.path() / "images/c.png");
  EXPECT_TRUE(Scan().ok()) << Scan();
}

TEST_F(ScanDatasetTest, DanglingLinkIsRefused) {
  fs::create_symlink("nowhere.png", folder_.path() / "images/d.png");
  ExpectRefused(Scan(), {"images/d.png", "leads nowhere"});
}

TEST_F(ScanDatasetTest, NameWithDotsIsRefused) {
  folder_.Write("images/x..y.png", Encode(".png", Clutter(8, 8)));
  ExpectRefused(Scan(), {"x..y", "'..'", "rename"});
}

TEST_F(ScanDatasetTest, NameWithControlCharacterIsRefusedAndEscaped) {
  folder_.Write("images/x\ny.png", Encode(".png", Clutter(8, 8)));
  ExpectRefused(Scan(), {"x\\ny", "control character"});
}

TEST_F(ScanDatasetTest, NameWithBackslashIsRefused) {
  folder_.Write("images/x\\y.png", Encode(".png", Clutter(8, 8)));
  ExpectRefused(Scan(), {"separator"});
}

TEST_F(ScanDatasetTest, EmptyFolderIsRefused) {
  TestFolder empty;
  fs::create_directories(empty.path() / "images");
  fs::create_directories(empty.path() / "masks");
  ExpectRefused(ScanDataset(empty.path(), Polyp()).status(), {"images", "holds no images", ".png"});
}

TEST_F(ScanDatasetTest, MissingFolderIsNotFound) {
  const absl::Status status = ScanDataset(folder_.path() / "none", Polyp()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("none: no such folder"));
}

TEST_F(ScanDatasetTest, FolderWithoutMasksSaysWhatIsThereAndWhatIsExpected) {
  fs::remove_all(folder_.path() / "masks");
  ExpectRefused(Scan(), {"no folder of masks", "images/ (3 images)", "DIR/masks"});
}

TEST_F(ScanDatasetTest, ItemsAndFaultsAreTheSameHoweverManyCoresDecodeThem) {
  for (int i = 0; i < 40; ++i) {
    const std::string name = absl::StrCat("n", 100 + i, ".png");
    folder_.Write("images/" + name, i % 3 == 0 ? "bad" : Encode(".png", Clutter(8, 8)));
    folder_.Write("masks/" + name, Encode(".png", SquareMask(8, 8, 255)));
  }
  const absl::Status first = Scan();
  ExpectRefused(first, {"14 faults", "images that cannot be used (14)"});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Scan(), first);
}

TEST_F(ScanDatasetTest, ProgressCountsAndStops) {
  std::vector<size_t> seen;
  const auto stop_after_two = [&](size_t done, size_t total) {  // one call at a time
    EXPECT_EQ(total, 3u);
    seen.push_back(done);
    return done < 2;
  };
  EXPECT_EQ(ScanDataset(folder_.path(), Polyp(), stop_after_two).status().code(),
            absl::StatusCode::kCancelled);
  EXPECT_THAT(seen, ElementsAre(1, 2));
}

TEST(ScanReferencesTest, FlatFolderAndImagesFolderAreBothTaken) {
  TestFolder flat, nested;
  for (const char* name : {"r2.png", "r1.png"}) {
    flat.Write(name, Encode(".png", Clutter(8, 8)));
    nested.Write(std::string("images/") + name, Encode(".png", Clutter(8, 8)));
  }
  for (const TestFolder* folder : {&flat, &nested}) {
    const auto references = ScanReferences(folder->path());
    ASSERT_TRUE(references.ok()) << references.status();
    ASSERT_EQ(references->items.size(), 2u);
    EXPECT_EQ(references->items[0].name, "r1");
    EXPECT_TRUE(references->items[0].mask.empty());
    EXPECT_EQ(references->items[0].width, 8);
    EXPECT_THAT(references->warnings, IsEmpty());
  }
}

TEST(ScanReferencesTest, NoReferenceIsRefused) {
  TestFolder empty;
  ExpectRefused(ScanReferences(empty.path()).status(), {empty.path().string(), "holds no images"});
}

TEST(ScanReferencesTest, SingleReferenceIsAllowedWithAWarning) {
  TestFolder folder;
  folder.Write("only.png", Encode(".png", Clutter(8, 8)));
  const auto references = ScanReferences(folder.path());
  ASSERT_TRUE(references.ok()) << references.status();
  EXPECT_THAT(references->warnings, ElementsAre(HasSubstr("biased")));
}

TEST(ScanReferencesTest, DamagedReferenceIsRefused) {
  TestFolder folder;
  folder.Write("r.jpg", Encode(".jpg", Clutter(32, 32)).substr(0, 700));
  ExpectRefused(ScanReferences(folder.path()).status(), {"r.jpg"});
}

TEST(ScanReferencesTest, MissingFolderIsNotFound) {
  TestFolder folder;
  EXPECT_EQ(ScanReferences(folder.path() / "none").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace alignflow
