#include "worker/sets/image_classes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "tests/worker/tasks/task_fixture.h"
#include "worker/models/unet/backbone.h"
#include "worker/sets/prepared_set.h"
#include "worker/tasks/task_error.h"

namespace alignflow {
namespace {

using ::testing::HasSubstr;

class ImageClassesTest : public TaskFixture {
 protected:
  // Seven phantoms, each of the class of its place in `classes`.
  std::string PutClassed(const std::vector<std::string>& classes) {
    const std::string plain =
        PutPhantoms(PhantomDomain::kSource, static_cast<int>(classes.size()), true);
    DatasetManifest manifest = *ParseManifest(blobs_->Read(plain));
    for (size_t i = 0; i < classes.size(); ++i) manifest.items[i].image_class = classes[i];
    return blobs_->Put(*WriteManifest(manifest));
  }
  ImageSet Map(const std::string& manifest) {
    return MapPrepared(blobs_->PathOf(Prepared(manifest)));
  }

  const std::vector<std::string> classes_{"b", "a", "b", "b", "a", "b", "b"};
};

TEST_F(ImageClassesTest, APreparedSetKeepsThemAndOneWithoutHasNone) {
  const ImageSet set = Map(PutClassed(classes_));
  EXPECT_EQ(set.image_classes, classes_);
  EXPECT_EQ(ClassNames(set), (std::vector<std::string>{"a", "b"}));
  const ImageSet plain = Map(PutPhantoms(PhantomDomain::kSource, 3, true));
  EXPECT_TRUE(plain.image_classes.empty());
  EXPECT_TRUE(ClassNames(plain).empty());
}

TEST_F(ImageClassesTest, PairsOfSomeClassesTakeThemInTurnAndEveryImageEquallyOften) {
  const ImageSet set = Map(PutClassed(classes_));
  PairItems items(set, {"a", "b"}, 3);
  const at::Tensor drawn = items.Items(0, 20);
  std::map<int64_t, int> times;
  for (int64_t pair = 0; pair < 20; ++pair) {
    const auto item = drawn[pair].item<int64_t>();
    EXPECT_EQ(set.image_classes[item], pair % 2 == 0 ? "a" : "b") << pair;
    ++times[item];
    EXPECT_EQ(items.Items(pair, 1).item<int64_t>(), item) << "whichever shard asks";
  }
  EXPECT_EQ(times,
            (std::map<int64_t, int>{{0, 2}, {1, 5}, {2, 2}, {3, 2}, {4, 5}, {5, 2}, {6, 2}}));
  EXPECT_FALSE(at::equal(PairItems(set, {"a", "b"}, 4).Items(0, 20), drawn));

  PairItems all(set, {}, 3);
  EXPECT_TRUE(at::equal(all.Items(5, 9), EpochOrder(7, 3, RandomUse::kPairMask).Items(5, 9)));
  EXPECT_THROW(PairItems(set, {"c"}, 3), TaskError);
}

TEST_F(ImageClassesTest, AModelIsToldTheNumbersThatItLearned) {
  UNetBackbone model(UNetPreset("unet-64", 2, {"a", "b"}));
  const at::Tensor items = at::tensor({0, 1, 2}, at::kLong);
  EXPECT_TRUE(at::equal(ClassesFor(model, Map(PutClassed(classes_)), items),
                        at::tensor({1, 0, 1}, at::kLong)));
  EXPECT_TRUE(at::equal(ClassesFor(model, Map(PutPhantoms(PhantomDomain::kSource, 3, true)), items),
                        at::tensor({2, 2, 2}, at::kLong)))
      << "nothing is said of any";
  try {
    ClassesFor(model, Map(PutClassed({"a", "c", "b"})), items);
    FAIL();
  } catch (const TaskError& error) {
    EXPECT_THAT(std::string(error.status().message()), HasSubstr("'c'"));
    EXPECT_THAT(std::string(error.status().message()), HasSubstr("a, b"));
  }
  UNetBackbone knows_none(UNetPreset("unet-64", 2));
  EXPECT_FALSE(ClassesFor(knows_none, Map(PutClassed(classes_)), items).defined());
}

TEST_F(ImageClassesTest, PairsAreOfTheClassesAskedForAndTheModelIsToldThem) {
  const std::string source = PutClassed(classes_);
  const auto fit = [&](const SettingMap& given) {
    return Run(Spec("fit", {{"source", source}}, given))["model"];
  };
  const std::string model = fit({{"fit.condition", "both"}});
  EXPECT_NE(model, fit({}));
  const auto made = [&](const std::string& model, const std::string& of, const SettingMap& given) {
    SettingMap settings{{"first_pair", "1"}, {"last_pair", "4"}, {"generate.mix", "generated:1"}};
    settings.insert(given.begin(), given.end());
    const TaskSpec spec = Spec("generate", {{"source", of}, {"model", model}}, settings);
    return LinesOf(Run(spec)["pairs"]);
  };
  for (const std::string& line : made(model, source, {{"pairs.classes", "a"}})) {
    EXPECT_EQ(nlohmann::json::parse(line)["record"]["class"], "a");
  }
  // The same masks and noise, and other classes.
  const std::string turned = PutClassed({"a", "b", "a", "a", "b", "a", "a"});
  EXPECT_NE(nlohmann::json::parse(made(model, source, {}).front())["image"],
            nlohmann::json::parse(made(model, turned, {}).front())["image"]);
  const std::string plain = fit({});
  EXPECT_EQ(nlohmann::json::parse(made(plain, source, {}).front())["image"],
            nlohmann::json::parse(made(plain, turned, {}).front())["image"])
      << "a model that knows none";
}

TEST_F(ImageClassesTest, AModelOfClassesNeedsThem) {
  const auto context = NewContext();
  const auto outputs =
      RunTask(Spec("fit", {{"source", PutPhantoms(PhantomDomain::kSource, 3, true)}},
                   {{"fit.condition", "both"}}),
              *context);
  EXPECT_THAT(std::string(outputs.status().message()), HasSubstr("classes.csv"));
}

}  // namespace
}  // namespace alignflow
