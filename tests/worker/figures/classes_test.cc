#include "worker/figures/classes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "worker/metrics/linear_classifier.h"

namespace alignflow {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

constexpr int64_t kCount = 60;

// Features [N,4] of images whose class moves the first two by `shift`.
at::Tensor FeaturesFor(const at::Tensor& classes, double shift, uint64_t seed) {
  at::manual_seed(seed);
  at::Tensor features = at::randn({classes.size(0), 4});
  features.select(1, 0) += shift * classes;
  features.select(1, 1) += 5 + 100 * shift * (1 - classes);
  return features;
}

TEST(LinearClassifierTest, ItTellsClassesApartOnWhateverScaleTheirFeaturesAre) {
  const at::Tensor classes = at::arange(kCount, at::kLong).remainder(2);
  const LinearClassifier classifier(FeaturesFor(classes, 3, 1), classes, 3);
  const at::Tensor told = classifier.Classify(FeaturesFor(classes, 3, 2));
  EXPECT_GT(told.eq(classes).to(at::kDouble).mean().item<double>(), 0.95);
  EXPECT_FALSE(told.eq(2).any().item<bool>()) << "a class that it never saw";
}

TEST(LinearClassifierTest, ARareClassWeighsAsMuchAsACommonOne) {
  const at::Tensor classes = at::arange(kCount, at::kLong).remainder(10).eq(0).to(at::kLong);
  const at::Tensor told =
      LinearClassifier(FeaturesFor(classes, 1, 1), classes, 2).Classify(FeaturesFor(classes, 1, 2));
  EXPECT_GT(told.eq(1).logical_and(classes.eq(1)).sum().item<int64_t>(), 4) << "of 6";
}

TEST(LinearClassifierTest, ShapesThatDoNotFitAreRefused) {
  const at::Tensor classes = at::zeros({3}, at::kLong);
  EXPECT_THROW(LinearClassifier(at::zeros({2, 4}), classes, 2), std::invalid_argument);
  EXPECT_THROW(LinearClassifier(at::zeros({0, 4}), at::zeros({0}, at::kLong), 2),
               std::invalid_argument);
}

FeatureSpace SpaceOfFilterBank() {
  FeatureSpace space;
  space.frechet = "fd (filter bank)";
  return space;
}

class ClassFiguresTest : public testing::Test {
 protected:
  ClassFiguresTest() {
    ImageSet set;
    set.images = at::zeros({kCount, 3, 8, 8}, at::kByte);
    for (int64_t i = 0; i < kCount; ++i) {
      set.names.push_back("item-" + std::to_string(i));
      set.groups.emplace_back();
      set.image_classes.emplace_back(i % 2 == 0 ? "adenoma" : "serrated");
    }
    FigureSubject made{.name = "pairs", .set = set};
    for (int64_t i = 0; i < kCount; ++i) {
      made.pairs.pairs.push_back(i + 1);
      made.pairs.origins.push_back(set.names[i]);
      made.pairs.records.push_back(
          Json{{"class", set.image_classes[i]}, {"synthetic", "generated"}}.dump());
    }
    sets_.subjects = {FigureSubject{.name = "source", .set = set}, made};
  }
  // The figure of a subject, of pairs whose features are those of `pair_classes`.
  Json FigureOf(const std::string& subject, const at::Tensor& pair_classes) const {
    const at::Tensor classes = at::arange(kCount, at::kLong).remainder(2);
    FigureTable table(1);
    AddClassFigures(
        SpaceOfFilterBank(), sets_,
        {{"source", FeaturesFor(classes, 3, 1)}, {"pairs", FeaturesFor(pair_classes, 3, 2)}},
        table);
    for (const Json& figure : Json::parse(table.Json())) {
      if (figure["subject"] == subject) return figure;
    }
    return {};
  }

  FigureSets sets_;
};

TEST_F(ClassFiguresTest, PairsOfTheirClassesAreRecognisedAndOthersAreNot) {
  const at::Tensor classes = at::arange(kCount, at::kLong).remainder(2);
  EXPECT_GT(FigureOf("source", classes)["value"], 90);
  const Json right = FigureOf("pairs", classes);
  EXPECT_EQ(right["name"], "class accuracy (percent)");
  EXPECT_GT(right["value"], 90);
  EXPECT_EQ(right["sample_count"], kCount);
  const Json wrong = FigureOf("pairs", at::zeros({kCount}, at::kLong));
  EXPECT_NEAR(wrong["value"], 50, 5) << "all look like adenomas";
  EXPECT_THAT(wrong["note"], HasSubstr("of serrated"));
  EXPECT_THAT(wrong["note"], HasSubstr("% adenoma"));
  EXPECT_THAT(wrong["note"], HasSubstr("on filter bank features"));
}

// A classifier that has seen an image knows it, however like chance its class is.
TEST_F(ClassFiguresTest, NeitherAnImageNorItsGroupIsJudgedByWhatWasTrainedOnIt) {
  at::manual_seed(3);
  const at::Tensor noise = at::randn({kCount / 2, 200});
  for (int64_t i = 0; i < kCount; ++i) {
    // Two images of a group are the same one and of one class, which is drawn.
    sets_.subjects[0].set.groups[i] = "group-" + std::to_string(i / 2);
    sets_.subjects[0].set.image_classes[i] = i / 2 * 7 % 5 < 2 ? "adenoma" : "serrated";
  }
  const at::Tensor features = noise.repeat_interleave(2, 0);
  FigureTable table(1);
  AddClassFigures(SpaceOfFilterBank(), sets_, {{"source", features}, {"pairs", features}}, table);
  const Json figures = Json::parse(table.Json());
  ASSERT_EQ(figures.size(), 2u);
  EXPECT_LT(figures[0]["value"], 75) << "chance is 50 or so";
}

TEST_F(ClassFiguresTest, WithoutClassesThereIsNoFigure) {
  for (std::string& name : sets_.subjects[0].set.image_classes) name = "adenoma";
  EXPECT_EQ(FigureOf("source", at::zeros({kCount}, at::kLong)), Json());
  sets_.subjects[0].set.image_classes.clear();
  EXPECT_EQ(FigureOf("source", at::zeros({kCount}, at::kLong)), Json());
}

}  // namespace
}  // namespace alignflow
