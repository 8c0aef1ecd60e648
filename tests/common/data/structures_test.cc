#include "common/data/structures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace alignflow {
namespace {

using testing::HasSubstr;

const std::vector<std::pair<std::string, int>> kSizes{
    {"unet-64", 64}, {"unet-128", 128}, {"sd3.5-medium", 512}};

MaskFacts Polyps(int64_t structures, int64_t pixels, std::map<int, KeptStructures> kept) {
  MaskFacts facts{.images = 100, .with_structures = 90, .classes = {}};
  facts.classes["polyp"] = {
      .images = 90, .structures = structures, .pixels = pixels, .kept = std::move(kept)};
  return facts;
}

TEST(StructuresTest, TheSentenceHasTheNumbersAndThePresetThatKeepsThem) {
  const auto facts =
      Polyps(412, 100000, {{64, {375, 99000}}, {128, {409, 99900}}, {512, {412, 100000}}});
  const StructureLoss loss = LossAt(facts, 64, kSizes);
  EXPECT_EQ(loss.loss, Loss::kSome);
  EXPECT_EQ(loss.text,
            "of 412 polyp structures 37 vanish at 64 px; with --preset unet-128 3 vanish");
  EXPECT_TRUE(CheckStructures(facts, 64, kSizes, "the source").ok());
  EXPECT_EQ(LossAt(facts, 512, kSizes).loss, Loss::kNone);
}

TEST(StructuresTest, MostIsMostStructuresAndMostPixels) {
  // Specks around a large structure vanish: no reason to refuse.
  EXPECT_EQ(LossAt(Polyps(100, 10000, {{64, {10, 9500}}}), 64, kSizes).loss, Loss::kSome);
  const auto tiny = Polyps(100, 300, {{64, {3, 9}}, {128, {80, 260}}});
  EXPECT_EQ(LossAt(tiny, 64, kSizes).loss, Loss::kMost);
  const absl::Status status = CheckStructures(tiny, 64, kSizes, "--source polyps");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(
      std::string(status.message()),
      HasSubstr("--source polyps: most structures are too small: of 100 polyp structures 97 "
                "vanish at 64 px; with --preset unet-128 20 vanish"));
}

TEST(StructuresTest, WhereNoPresetKeepsThemTheRemedyIsACrop) {
  const auto tiny = Polyps(100, 300, {{64, {3, 9}}, {128, {4, 12}}, {512, {5, 15}}});
  EXPECT_THAT(LossAt(tiny, 64, kSizes).text, HasSubstr("crop the images around the structures"));
}

TEST(StructuresTest, NothingIsSaidOfPresetsThatNobodyCountedAt) {
  EXPECT_THAT(LossAt(Polyps(100, 300, {{64, {3, 9}}}), 64, kSizes).text,
              HasSubstr("97 vanish at 64 px; try a larger --preset"));
}

TEST(StructuresTest, MasksOfNothingAreRefusedAndUnknownOnesAreNot) {
  EXPECT_THAT(std::string(CheckStructures({.images = 8, .with_structures = 0, .classes = {}}, 64,
                                          kSizes, "the source")
                              .message()),
              HasSubstr("none of its 8 masks shows anything but background"));
  EXPECT_TRUE(CheckStructures({}, 64, kSizes, "the source").ok());
  EXPECT_TRUE(CheckStructures(Polyps(9, 9, {}), 64, kSizes, "the source").ok());
}

TEST(StructuresTest, FactsAddUpAndTurnBackFromJson) {
  MaskFacts sum;
  Add(Polyps(4, 40, {{64, {3, 30}}}), sum);
  Add(Polyps(6, 60, {{64, {6, 60}}}), sum);
  EXPECT_EQ(sum.images, 200);
  EXPECT_EQ(sum.classes["polyp"].kept[64], (KeptStructures{9, 90}));
  EXPECT_EQ(*ParseMaskFacts(MaskFactsJson(sum)), sum);
}

// `json` with one part of it replaced.
std::string With(std::string json, const std::string& part, const std::string& other) {
  const size_t at = json.find(part);
  EXPECT_NE(at, std::string::npos) << part;
  return json.replace(at, part.size(), other);
}

TEST(StructuresTest, FactsThatCannotBeAreRefused) {
  const std::string good = MaskFactsJson(Polyps(4, 40, {{64, {3, 30}}}));
  ASSERT_TRUE(ParseMaskFacts(good).ok());
  for (const std::string& bad : {std::string(),
                                 std::string("[]"),
                                 std::string("null"),
                                 good.substr(0, good.size() / 2),
                                 good + "}",
                                 std::string(100000, '['),
                                 With(good, "polyp", "\xff"),
                                 With(good, R"("images":100)", R"("images":-100)"),
                                 With(good, R"("images":100)", R"("images":100.0)"),
                                 With(good, R"("images":100)", R"("images":1e300)"),
                                 With(good, R"("images":100)", R"("images":1e999)"),
                                 With(good, R"("images":100)", R"("images":18446744073709551615)"),
                                 With(good, R"("images":100)", R"("images":"100")"),
                                 With(good, R"("images":100)", R"("images":89)"),
                                 With(good, R"("images":90)", R"("images":91)"),
                                 With(good, R"("pixels":40)", R"("pixels":3)"),
                                 With(good, R"("pixels":30)", R"("pixels":41)"),
                                 With(good, R"("structures":3)", R"("structures":5)"),
                                 With(good, R"("structures":3)", R"("structures":-3)"),
                                 With(good, R"("with_structures":90)", R"("with_structures":101)"),
                                 With(good, R"("64")", R"("-64")"),
                                 With(good, R"("64")", R"("side")"),
                                 With(good, R"({"64":{"pixels":30,"structures":3}})", "[]"),
                                 std::string(R"({"classes":[],"images":1,"with_structures":0})"),
                                 std::string(R"({"images":1,"with_structures":0})")}) {
    EXPECT_EQ(ParseMaskFacts(bad).status().code(), absl::StatusCode::kInvalidArgument)
        << bad.substr(0, 200);
  }
}

}  // namespace
}  // namespace alignflow
