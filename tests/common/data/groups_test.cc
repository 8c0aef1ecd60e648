#include "common/data/groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace alignflow {
namespace {

TEST(GroupsTest, FramesOfASequenceAreToldByTheirNames) {
  EXPECT_EQ(GroupOfName("seq05_frame079"), "seq05");
  EXPECT_EQ(GroupOfName("ward2_seq05_f1"), "ward2_seq05");
}

TEST(GroupsTest, PicturesOfAnOlympusExaminationAreToldByTheirNames) {
  EXPECT_EQ(GroupOfName("176OLCV1_100H0537"), "176OLCV1");
  EXPECT_EQ(GroupOfName("136OLCV1_100S0005"), "136OLCV1");
}

TEST(GroupsTest, NamesThatMayMeanAnythingElseTellNothing) {
  for (const char* name : {"",
                           "a",
                           "seq05",
                           "patient_left_eye",
                           "seq05_079",
                           "05_frame079",
                           "cju32a52lb9rc0799xi40qs00",
                           "100H0050",
                           "C3_EndoCV2021_00500",
                           "EndoCV2021_C5_50000359x",
                           "tr_ndrishtiGS_036",
                           "n0164",
                           "176OLCV1_100H",
                           "176OLCV_100H0537",
                           "OLCV1_100H0537",
                           "176OLCV1_H0537",
                           "176OLCV1_100X0537",
                           "176OLCV1_100H0537b",
                           "2019SITE1_001A01",
                           "_",
                           "a1_",
                           "_a1"}) {
    EXPECT_EQ(GroupOfName(name), "") << name;
  }
}

TEST(GroupsTest, AGroupThatIsGivenCountsMoreThanTheName) {
  DatasetItem item;
  item.name = "seq05_frame079";
  EXPECT_EQ(GroupOf(item), "seq05");
  item.group = "patient 7";
  EXPECT_EQ(GroupOf(item), "patient 7");
}

TEST(GroupsTest, AWholeGroupGoesWithWhatWasLearnedFromIt) {
  const std::vector<SetMember> target{{"a", "", {}, "p1"}, {"b", "", {}, "p2"}, {"c", "", {}, "p1"},
                                      {"d", "", {}, ""},   {"e", "", {}, "p3"}, {"f", "", {}, "p3"},
                                      {"g", "", {}, ""}};
  using testing::ElementsAre;
  EXPECT_THAT(RowsOfLearnedGroups(target, {"p1", "", "p9"}, {}), ElementsAre(0, 2));
  EXPECT_THAT(RowsOfLearnedGroups(target, {}, {{.row = 5, .other = 0}, {.row = 6, .other = 1}}),
              ElementsAre(4, 5))
      << "the reference is the target image f; g is of no group";
  EXPECT_THAT(RowsOfLearnedGroups(target, {""}, {}), testing::IsEmpty());
}

TEST(FoldsTest, GroupsStayTogetherAndPartsAreAlike) {
  const std::vector<std::string> groups{"a", "a", "a", "a", "b", "b", "", "", "c", ""};
  const std::vector<int> folds = FoldsOf(groups, 2);
  ASSERT_EQ(folds.size(), groups.size());
  for (size_t i = 0; i < groups.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (groups[i] == groups[j] && !groups[i].empty()) {
        EXPECT_EQ(folds[i], folds[j]);
      }
    }
  }
  EXPECT_EQ(std::count(folds.begin(), folds.end(), 0), 5);
  EXPECT_EQ(std::count(folds.begin(), folds.end(), 1), 5);
}

TEST(FoldsTest, OneGroupIsSplitWhereThereIsNoOther) {
  const std::vector<int> folds = FoldsOf(std::vector<std::string>(6, "one"), 3);
  for (int fold = 0; fold < 3; ++fold) EXPECT_EQ(std::count(folds.begin(), folds.end(), fold), 2);
}

TEST(FoldsTest, OneFoldHoldsAllAndNoImagesMakeNone) {
  EXPECT_EQ(FoldsOf({"a", "", "b"}, 1), (std::vector<int>{0, 0, 0}));
  EXPECT_TRUE(FoldsOf({}, 2).empty());
}

}  // namespace
}  // namespace alignflow
