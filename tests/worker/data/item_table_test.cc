#include "worker/data/item_table.h"

#include "absl/strings/str_cat.h"
#include "tests/worker/data/test_images.h"
#include "worker/data/image_folder.h"

namespace alignflow {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class GroupTableTest : public testing::Test {
 protected:
  GroupTableTest() {
    for (const char* name : {"a", "b", "c"}) Add(name);
  }
  void Add(const std::string& name) const {
    folder_.Write("images/" + name + ".png", Encode(".png", Clutter(8, 8)));
    folder_.Write("masks/" + name + ".png", Encode(".png", SquareMask(8, 8, 255)));
  }
  absl::StatusOr<ImageFolder> Scan(const std::string& table) const {
    folder_.Write("groups.csv", table);
    return ScanDataset(folder_.path(), *LabelTable::Parse("polyp=255"));
  }
  // The groups of a, b and c.
  std::vector<std::string> GroupsOf(const std::string& table) const {
    const auto folder = Scan(table);
    EXPECT_TRUE(folder.ok()) << folder.status();
    std::vector<std::string> groups;
    if (!folder.ok()) return groups;
    for (const FolderItem& item : folder->items) groups.push_back(item.group);
    return groups;
  }

  TestFolder folder_;
};

TEST_F(GroupTableTest, WithoutATableNoGroupIsGiven) {
  const auto folder = ScanDataset(folder_.path(), *LabelTable::Parse("polyp=255"));
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ(folder->items[0].group, "");
  EXPECT_THAT(folder->notes, testing::IsEmpty());
}

TEST_F(GroupTableTest, TablesOfSpreadsheetsAndScriptsAreRead) {
  const auto groups = ElementsAre("p1", "p2", "p1");
  EXPECT_THAT(GroupsOf("name,group\na.png,p1\nb,p2\nc,p1\n"), groups);
  EXPECT_THAT(GroupsOf("c,p1\nb,p2\na,p1"), groups) << "no header, another order, no last newline";
  EXPECT_THAT(GroupsOf("\xef\xbb\xbfStem;Patient\r\na;p1\r\n\r\nb;p2\r\nc;p1\r\n"), groups);
  EXPECT_THAT(GroupsOf("a\tp1\n\"b\"\tp2\nc\tp1\n"), groups);
  EXPECT_THAT(GroupsOf(" a , p1 \n\"b\",\"p2\"\n\"c.png\" ,p1\n"), groups);
  EXPECT_THAT(GroupsOf("a,\"Doe, \"\"J\"\"\"\nb,M\xc3\xbcller\nc,\"\xe2\x80\x94\"\n"),
              ElementsAre("Doe, \"J\"", "M\xc3\xbcller", "\xe2\x80\x94"));
}

TEST_F(GroupTableTest, TheTableIsNotedAndNotCalledLeftOut) {
  const auto folder = Scan("a,p1\nb,p2\nc,p1\n");
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_THAT(folder->notes, ElementsAre("groups.csv: 3 images in 2 groups"));
  EXPECT_THAT(folder->warnings, testing::IsEmpty());
}

TEST_F(GroupTableTest, UnknownDoubleAndMissingNamesAreAllToldWithTheirLines) {
  ExpectRefused(Scan("name,group\na,p1\nx,p1\na.png,p2\n").status(),
                {"groups.csv: line 3: there is no image 'x'",
                 "groups.csv: line 4: 'a.png' has a row already, line 2",
                 "images/b.png: has no row in groups.csv", "images/c.png: has no row",
                 "add a line NAME,GROUP for each", "leave one row for each image"});
}

TEST_F(GroupTableTest, OfManyMissingRowsTwentyAreNamed) {
  for (int i = 0; i < 30; ++i) Add(absl::StrCat("image-", 100 + i));
  ExpectRefused(Scan("a,p1\nb,p1\nc,p1\n").status(),
                {"images without a row in groups.csv (30)", "images/image-119.png: has no row",
                 "and 10 more"});
  EXPECT_THAT(std::string(Scan("a,p1\nb,p1\nc,p1\n").status().message()),
              Not(HasSubstr("image-120")));
}

TEST_F(GroupTableTest, LinesThatAreNoRowsAreRefusedByTheirNumbers) {
  for (const auto& [line, reason] :
       {std::pair("c", "it has 1 cell, and a name and a group are needed"),
        {"c,p1,x", "it has 3 cells"},
        {"c,", "the group \"\" is empty"},
        {",p1", "the name is empty"},
        {"c,\"p1", "a quotation mark is not closed"},
        {"c,\"p\"1", "text behind a closing quotation mark"},
        {"c,p\x01", "control character"},
        {"c,p\xff", "is not UTF-8"}}) {
    ExpectRefused(Scan(absl::StrCat("a,p1\nb,p1\n", line, "\n")).status(),
                  {"groups.csv: line 3: ", reason, "write NAME,GROUP on each line"});
  }
  ExpectRefused(Scan(absl::StrCat("a,p1\nb,p1\nc,", std::string(201, 'p'))).status(),
                {"line 3", "longer than 200 bytes"});
}

TEST_F(GroupTableTest, AnEmptyTableLeavesEveryImageWithoutARow) {
  ExpectRefused(Scan("").status(), {"images without a row in groups.csv (3)"});
}

TEST_F(GroupTableTest, ALinkOutOfTheFolderIsRefused) {
  TestFolder other;
  other.Write("groups.csv", "a,p1\nb,p2\nc,p1\n");
  std::filesystem::create_symlink(other.path() / "groups.csv", folder_.path() / "groups.csv");
  ExpectRefused(ScanDataset(folder_.path(), *LabelTable::Parse("polyp=255")).status(),
                {"groups.csv", "the link leads out of the folder"});
}

TEST(ReferenceGroupsTest, ReferencesHaveATableBesideThemOrBesideTheirFolder) {
  TestFolder flat, nested;
  for (const char* name : {"r1.png", "r2.png"}) {
    flat.Write(name, Encode(".png", Clutter(8, 8)));
    nested.Write(std::string("images/") + name, Encode(".png", Clutter(8, 8)));
  }
  for (const TestFolder* folder : {&flat, &nested}) {
    folder->Write("groups.csv", "r1,p1\nr2,p2\n");
    const auto references = ScanReferences(folder->path());
    ASSERT_TRUE(references.ok()) << references.status();
    EXPECT_EQ(references->items[0].group, "p1");
    EXPECT_EQ(references->items[1].group, "p2");
    EXPECT_THAT(references->warnings, testing::IsEmpty());
  }
}

TEST_F(GroupTableTest, ClassesAreReadFromATableOfTheirOwn) {
  folder_.Write("classes.csv", "image,class\na.png,adenoma\nb,serrated\nc,adenoma\n");
  const auto folder = Scan("a,p1\nb,p2\nc,p1\n");
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ(folder->items[0].image_class, "adenoma");
  EXPECT_EQ(folder->items[1].image_class, "serrated");
  EXPECT_EQ(folder->items[1].group, "p2");
  EXPECT_THAT(folder->notes, testing::Contains("classes.csv: 3 images in 2 classes"));
  EXPECT_THAT(folder->warnings, testing::IsEmpty()) << "no table is called left out";
  folder_.Write("classes.csv", "a,adenoma\nb,serrated\n");
  const auto faulty = Scan("a,p1\nb,p2\nc,p1\n");
  EXPECT_THAT(std::string(faulty.status().message()),
              AllOf(HasSubstr("has no row in classes.csv"), HasSubstr("NAME,CLASS")));
}

}  // namespace
}  // namespace alignflow
