#include "common/data/label_table.h"

#include <numeric>

#include "tests/worker/data/test_images.h"

namespace alignflow {
namespace {

TEST(LabelTableTest, BackgroundIsZeroWhereZeroIsFree) {
  const auto table = LabelTable::Parse("polyp=255");
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->background(), 0);
  EXPECT_EQ(table->classes(), 2);
  EXPECT_EQ(table->ToString(), "polyp=255,background=0");
}

TEST(LabelTableTest, BackgroundIs255WhereZeroIsALabel) {
  const auto table = LabelTable::Parse("cup=0,disc=128");
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->background(), 255);
  EXPECT_EQ(table->ValueOf(0), 255);
  EXPECT_EQ(table->ValueOf(1), 0);
  EXPECT_EQ(table->ValueOf(2), 128);
  EXPECT_EQ(table->ClassOf(128), 2);
  EXPECT_EQ(table->ClassOf(7), -1);
  EXPECT_EQ(table->ClassOfName("disc"), 2);
  EXPECT_EQ(table->ClassOfName("background"), 0);
  EXPECT_EQ(table->ClassOfName("rim"), -1);
}

TEST(LabelTableTest, BackgroundCanBeGivenAnywhere) {
  const auto table = LabelTable::Parse("background=7,cup=0,disc=255");
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->background(), 7);
  EXPECT_EQ(table->ClassOfName("cup"), 1);
}

TEST(LabelTableTest, TextFormRoundTrips) {
  for (const char* text : {"polyp=255", "cup=0,disc=128", "b=9,a=3,background=200", "x_1-y=0"}) {
    const auto table = LabelTable::Parse(text);
    ASSERT_TRUE(table.ok()) << table.status();
    EXPECT_EQ(*LabelTable::Parse(table->ToString()), *table);
  }
}

TEST(ColourTableTest, ClassesAreNumberedAndColoursRoundTrip) {
  const auto table = LabelTable::Parse("polyp=#FF0000,tool=#00ff7f,background=#ffffff");
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_TRUE(table->coloured());
  EXPECT_EQ(table->ValueOf(0), 0);
  EXPECT_EQ(table->ValueOf(2), 2);
  EXPECT_EQ(table->ColourOf(0), 0xffffffu);
  EXPECT_EQ(table->ColourOf(2), 0x00ff7fu);
  EXPECT_EQ(table->ToString(), "polyp=#ff0000,tool=#00ff7f,background=#ffffff");
  EXPECT_EQ(*LabelTable::Parse(table->ToString()), *table);
}

TEST(ColourTableTest, BackgroundIsBlackOrElseWhite) {
  EXPECT_EQ(LabelTable::Parse("polyp=#ff0000")->ColourOf(0), 0u);
  EXPECT_EQ(LabelTable::Parse("polyp=#000000")->ColourOf(0), 0xffffffu);
}

TEST(ColourTableTest, ATableOfGreysIsNotOneOfColours) {
  EXPECT_FALSE(*LabelTable::Parse("polyp=1") == *LabelTable::Parse("polyp=#010101"));
  EXPECT_FALSE(LabelTable::Parse("polyp=1")->coloured());
}

struct BadTable {
  const char* text;
  const char* reason;
};
class LabelTableErrorTest : public testing::TestWithParam<BadTable> {};

TEST_P(LabelTableErrorTest, IsRefusedWithItsReason) {
  ExpectRefused(LabelTable::Parse(GetParam().text).status(), {GetParam().reason});
}

INSTANTIATE_TEST_SUITE_P(
    All, LabelTableErrorTest,
    testing::Values(BadTable{"", "not name=value"}, BadTable{"polyp", "not name=value"},
                    BadTable{"polyp=", "not name=value"}, BadTable{"polyp=-1", "not name=value"},
                    BadTable{"polyp=+1", "not name=value"}, BadTable{"polyp=1.5", "not name=value"},
                    BadTable{"polyp=1=2", "not name=value"}, BadTable{"a=1,", "not name=value"},
                    BadTable{"polyp=256", "between 0 and 255"}, BadTable{"Polyp=1", "a-z"},
                    BadTable{"=1", "a-z"}, BadTable{" a=1", "a-z"},
                    BadTable{"a=1,a=2", "given twice"}, BadTable{"a=1,b=1", "same value 1"},
                    BadTable{"background=0", "nothing but background"},
                    BadTable{"a=1,background=0,background=2", "given twice"},
                    BadTable{"a=1,background=1", "same value 1"},
                    BadTable{"a=0,b=255", "background=VALUE"},
                    BadTable{"a=#ff0000,b=7", "as one or the other"},
                    BadTable{"a=#ff0000,background=0", "as one or the other"},
                    BadTable{"a=#ff00", "not name=value"}, BadTable{"a=#gg0000", "not name=value"},
                    BadTable{"a=#ff0000,b=#FF0000", "same value #ff0000"},
                    BadTable{"a=#ff0000,background=#ff0000", "same value #ff0000"},
                    BadTable{"a=#000000,b=#ffffff", "background=VALUE"}));

TEST(LabelTableTest, InferenceTakesTheMostFrequentValueAsBackground) {
  MaskHistogram values{};
  values[0] = 40;
  values[128] = 80;
  values[255] = 1000;
  const auto table = LabelTable::Infer(values);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->ToString(), "class-0=0,class-128=128,background=255");
}

TEST(LabelTableTest, InferenceRefusesMasksThatMarkNothing) {
  MaskHistogram values{};
  values[0] = 40;
  ExpectRefused(LabelTable::Infer(values).status(), {"same value", "--labels"});
}

TEST(LabelTableTest, InferenceRefusesSmoothedMasks) {
  MaskHistogram values{};
  for (int i = 0; i < 8; ++i) values[i] = 1;
  EXPECT_TRUE(LabelTable::Infer(values).ok());
  values[8] = 1;
  ExpectRefused(LabelTable::Infer(values).status(), {"9 different values", "threshold"});
}

TEST(LabelTableTest, InferenceOfLossyMasksTakesThePeaks) {
  MaskHistogram values{};
  values[0] = 90000;
  values[1] = 3000;
  values[3] = 800;
  values[255] = 9000;
  values[253] = 700;
  for (int edge = 20; edge < 240; ++edge) values[edge] = 4;
  EXPECT_FALSE(LabelTable::Infer(values).ok()) << "as if stored without loss";
  const auto table = LabelTable::Infer(values, /*lossy=*/true);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->ToString(), "class-255=255,background=0");
}

TEST(LabelTableTest, InferenceOfLossyMasksKeepsASmallClassAndRefusesAPhotograph) {
  MaskHistogram values{};
  values[0] = 90000;
  values[128] = 700;
  values[130] = 100;
  values[255] = 9000;
  EXPECT_EQ(LabelTable::Infer(values, true)->ToString(),
            "class-128=128,class-255=255,background=0");
  values.fill(100);
  ExpectRefused(LabelTable::Infer(values, true).status(), {"256 different values"});
}

TEST(LabelTableTest, CheckMaskNamesFileValueCountAndRemedy) {
  const LabelTable table = *LabelTable::Parse("polyp=255");
  const std::vector<uint8_t> good = {0, 255, 255}, bad = {0, 3, 3, 4, 255};
  EXPECT_TRUE(table.CheckMask(good, "m.png").ok());
  ExpectRefused(table.CheckMask(bad, "m.png"),
                {"m.png", "value 3 (2 pixels)", "polyp=255", "--labels"});
}

TEST(LabelTableTest, ClassesAndValuesAreInverse) {
  const LabelTable table = *LabelTable::Parse("cup=0,disc=128");
  const std::vector<uint8_t> values = {255, 0, 128, 255, 0};
  std::vector<uint8_t> pixels = values;
  table.ToClasses(pixels);
  EXPECT_THAT(pixels, testing::ElementsAre(0, 1, 2, 0, 1));
  table.ToValues(pixels);
  EXPECT_EQ(pixels, values);
}

TEST(LabelTableTest, ClassesAreTheSameByNameAndOrderWhateverTheirValues) {
  const auto check = [](const char* source, const char* target) {
    return CheckSameClasses(*LabelTable::Parse(source), "datasets/a", *LabelTable::Parse(target),
                            "datasets/b");
  };
  EXPECT_TRUE(check("cup=0,disc=128", "cup=255,disc=7,background=0").ok());
  EXPECT_TRUE(check("cup=0,disc=128", "cup=#ff0000,disc=#00ff00").ok());
  ExpectRefused(check("cup=0,disc=128", "disc=128,cup=0"),
                {"datasets/b has the classes disc, cup, but datasets/a has cup, disc",
                 "in the same order", "evaluate.segmenter=none"});
  ExpectRefused(check("cup=0,disc=128", "cup=0"), {"datasets/b has the classes cup, but"});
  ExpectRefused(check("polyp=255", "lesion=255"), {"lesion", "polyp"});
}

TEST(LabelTableTest, All256ValuesCanBeUsed) {
  std::vector<LabelTable::Label> labels;
  for (int value = 1; value < 256; ++value) labels.push_back({"v" + std::to_string(value), value});
  const auto table = LabelTable::Make(labels, std::nullopt);
  ASSERT_TRUE(table.ok()) << table.status();
  std::vector<uint8_t> pixels(256);
  std::iota(pixels.begin(), pixels.end(), 0);
  EXPECT_TRUE(table->CheckMask(pixels, "m").ok());
  EXPECT_EQ(table->classes(), 256);
}

}  // namespace
}  // namespace alignflow
