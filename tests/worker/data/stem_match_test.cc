#include "worker/data/stem_match.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace alignflow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using Stems = std::vector<std::string>;

TEST(MatchStemsTest, TheSameStemNeedsNoRule) {
  const StemMatch match = MatchStems({"a", "b"}, {"b", "a"});
  EXPECT_THAT(match.pairs, ElementsAre(Pair(0, 1), Pair(1, 0)));
  EXPECT_TRUE(match.whole());
  EXPECT_EQ(match.rule, "");
}

struct RuleCase {
  Stems images, masks;
  std::string rule;  // part of it
};

class RuleTest : public testing::TestWithParam<RuleCase> {};

TEST_P(RuleTest, OneRuleMatchesTheWholeSet) {
  const StemMatch match = MatchStems(GetParam().images, GetParam().masks);
  EXPECT_TRUE(match.whole());
  EXPECT_THAT(match.pairs, ElementsAre(Pair(0, 0), Pair(1, 1)));
  EXPECT_THAT(match.rule, HasSubstr(GetParam().rule));
}

INSTANTIATE_TEST_SUITE_P(
    Names, RuleTest,
    testing::Values(
        RuleCase{{"a", "b"}, {"a_mask", "b_mask"}, "`_mask` at its end"},
        RuleCase{{"a", "b"}, {"a-mask", "b-mask"}, "`-mask` at its end"},
        RuleCase{{"a", "b"}, {"a_MASK", "b_Mask"}, "`_mask` at its end"},
        RuleCase{{"a", "b"}, {"a_segmentation", "b_segmentation"}, "_segmentation"},
        RuleCase{{"a", "b"}, {"a_seg", "b_seg"}, "_seg"},
        RuleCase{{"a", "b"}, {"a_gt", "b_gt"}, "_gt"},
        RuleCase{{"a", "b"}, {"a_label", "b_label"}, "_label"},
        RuleCase{{"a", "b"}, {"a_labels", "b_labels"}, "_labels"},
        RuleCase{{"21_training", "22_training"}, {"21_manual1", "22_manual1"}, "_manual1"},
        RuleCase{{"Image_01L", "Image_02R"}, {"Image_01L_1stHO", "Image_02R_1stHO"}, "_1stHO"},
        RuleCase{{"a", "b"}, {"mask_a", "mask_b"}, "`mask_` in front"},
        RuleCase{{"img_1", "img_2"}, {"mask_1", "mask_2"}, "without `img_` in front"},
        RuleCase{{"img001", "img002"}, {"mask001", "mask002"}, "`mask` in front"},
        RuleCase{{"a_image", "b_image"}, {"a", "b"}, "without `_image` at its end"},
        RuleCase{{"a_img", "b_img"}, {"a_mask", "b_mask"}, "`_mask` at its end"},
        RuleCase{{"Case-A", "case-b"}, {"case-a", "CASE-B"}, "upper and lower case"},
        RuleCase{{"caf\u00e9", "b"}, {"cafe\u0301", "b"}, "composed"},
        RuleCase{{"CAF\u00c9", "b"}, {"cafe\u0301_mask", "b_mask"}, "`_mask`"}));

TEST(MatchStemsTest, RulesAreNotMixed) {
  const StemMatch match = MatchStems({"a", "b", "c"}, {"a_mask", "b_mask", "c"});
  EXPECT_THAT(match.pairs, ElementsAre(Pair(0, 0), Pair(1, 1)));
  EXPECT_THAT(match.images_alone, ElementsAre(2));
  EXPECT_THAT(match.masks_alone, ElementsAre(2));
  EXPECT_THAT(match.rule, HasSubstr("`_mask`"));
}

TEST(MatchStemsTest, AnImageThatIsCalledMaskKeepsItsOwn) {
  EXPECT_EQ(MatchStems({"a", "a_mask"}, {"a", "a_mask"}).rule, "");
  EXPECT_THAT(MatchStems({"a", "a_mask"}, {"a_mask", "a_mask_mask"}).pairs,
              ElementsAre(Pair(0, 0), Pair(1, 1)));
}

TEST(MatchStemsTest, TwoNamesThatAreOneToTheRuleAreToldApartByNobody) {
  const StemMatch match = MatchStems({"a", "b", "c"}, {"A", "a", "B", "C"});
  EXPECT_THAT(match.mask_doubles, ElementsAre(Pair(1, 0)));
  EXPECT_EQ(match.pairs.size(), 3u);
  EXPECT_THAT(MatchStems({"a", "a"}, {"a"}).image_doubles, ElementsAre(Pair(1, 0)));
}

TEST(MatchStemsTest, CaseThatTellsTwoImagesApartIsKept) {
  const StemMatch match = MatchStems({"A", "a"}, {"A", "a"});
  EXPECT_TRUE(match.whole());
  EXPECT_TRUE(MatchStems({"A", "a"}, {"A_mask", "a_mask"}).whole());
}

TEST(MatchStemsTest, StemsThatAreNoUtf8AreComparedAsTheyAre) {
  EXPECT_TRUE(MatchStems({"\xff\xfe", "b"}, {"\xff\xfe_mask", "b_mask"}).whole());
}

TEST(MatchStemsTest, NothingOfAShuffledSetIsMatchedWrong) {
  std::mt19937 random(5);
  for (const std::string mark : {"", "_mask", "-seg"}) {
    Stems images, masks;
    for (int i = 0; i < 200; ++i) {
      images.push_back("case" + std::to_string(random() % 100000) + "-" + std::to_string(i));
      masks.push_back(images.back() + mark);
    }
    std::shuffle(masks.begin(), masks.end(), random);
    const StemMatch match = MatchStems(images, masks);
    ASSERT_EQ(match.pairs.size(), images.size());
    for (const auto& [image, mask] : match.pairs) EXPECT_EQ(masks[mask], images[image] + mark);
  }
}

TEST(FindMarkedMasksTest, ImagesAndMasksInOneFolder) {
  const auto found = FindMarkedMasks({"a", "a_mask", "b", "b_mask"});
  ASSERT_TRUE(found);
  EXPECT_THAT(found->images, ElementsAre(0, 2));
  EXPECT_THAT(found->masks, ElementsAre(1, 3));
  EXPECT_EQ(found->mark, "`_mask` at its end");
}

TEST(FindMarkedMasksTest, NamesThatOnlyLookLikeMasksAreNone) {
  EXPECT_FALSE(FindMarkedMasks({"a", "b_mask"})) << "no b";
  EXPECT_FALSE(FindMarkedMasks({"damask", "da"})) << "no separator";
  EXPECT_FALSE(FindMarkedMasks({}));
}

}  // namespace
}  // namespace alignflow
