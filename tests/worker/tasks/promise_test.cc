#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>

#include "tests/worker/tasks/task_fixture.h"
#include "worker/data/image_decode.h"
#include "worker/pairs/pair_list.h"

namespace alignflow {
namespace {

using nlohmann::json;

// What a hospital is promised, at its smallest and on pairs that the chain of tasks has made: from
// references of a look that no training image has, segmentation models that see it.
class PromiseTest : public TaskFixture {
 protected:
  PromiseTest()
      : source_(PutPhantoms(PhantomDomain::kSource, 32, true)),
        references_(PutPhantoms(PhantomDomain::kTargetB, 6, false, 64, 2)),
        target_(PutPhantoms(PhantomDomain::kTargetB, 48, true, 64, 3)) {
    stage1_ = Run(Spec("fit", {{"source", source_}},
                       {{"fit.iterations", "60"}, {"fit.batch", "8"}, {"fit.ema", "0"}}))["model"];
  }

  // The model after stage 2.
  std::string Aligned(const SettingMap& given) {
    const std::string pool = Run(Spec("rollout", {{"source", source_}, {"model", stage1_}},
                                      With(given, {{"align.pool", "32"}})))["pool"];
    return Run(
        Spec("align",
             {{"source", source_}, {"model", stage1_}, {"references", references_}, {"pool", pool}},
             With(given, {{"align.pool", "32"}, {"align.batch", "16"}})))["model"];
  }
  // 32 pairs by a model of stage 2, or by stage 1's.
  std::string Pairs(const std::string& model, const SettingMap& given) {
    std::map<std::string, std::string> inputs{{"source", source_}, {"model", model}};
    if (model != stage1_) inputs.insert({{"stage1", stage1_}, {"references", references_}});
    return Run(Spec("generate", inputs,
                    With(given, {{"first_pair", "1"},
                                 {"last_pair", "32"},
                                 {"generate.steps", "20"},
                                 {"restyle.least_style", "1"}})))["pairs"];
  }
  double MeanDice(const std::string& pairs) {
    std::map<std::string, std::string> inputs{{"source", source_}, {"target", target_}};
    if (!pairs.empty()) inputs["pairs/000001"] = pairs;
    // Colours changed at random alone make these phantoms' other look readable.
    TaskSpec spec = Spec(
        "evaluate", inputs,
        {{"evaluate.iterations", "80"}, {"evaluate.batch", "8"}, {"evaluate.augment", "none"}});
    spec.settings["run"] = "1";
    return json::parse(blobs_->Read(Run(spec)["scores"])).at("mean_dice");
  }
  // Distance of the pairs' images to the held-out target images by colours: of the means and the
  // deviations of each image's channels, in grey values. No method is trained on it.
  double ColourDistance(const std::string& pairs) {
    cv::Scalar mean, deviation;
    const auto lines = ParsePairLines(blobs_->Read(pairs));
    for (const PairLine& pair : lines) Add(pair.image, 1.0 / lines.size(), mean, deviation);
    const auto target = *ParseManifest(blobs_->Read(target_));
    for (const DatasetItem& item : target.items) {
      Add(item.image, -1.0 / target.items.size(), mean, deviation);
    }
    return cv::norm(mean) + cv::norm(deviation);
  }

  std::string source_, references_, target_, stage1_;

 private:
  static SettingMap With(SettingMap given, const SettingMap& more) {
    given.insert(more.begin(), more.end());
    return given;
  }
  void Add(const std::string& image, double weight, cv::Scalar& mean, cv::Scalar& deviation) {
    cv::Scalar own_mean, own_deviation;
    cv::meanStdDev(*DecodeImage(blobs_->Read(image), "image"), own_mean, own_deviation);
    mean += weight * own_mean;
    deviation += weight * own_deviation;
  }
};

TEST_F(PromiseTest, PairsThatStage2MadeHelpASegmentationModelOnTheTarget) {
  const SettingMap restyled{{"generate.mix", "restyled:1"}, {"align.iterations", "60"}};
  const double without = MeanDice("");
  const double with = MeanDice(Pairs(Aligned(restyled), restyled));
  EXPECT_GT(with, without + 0.1);
  // The same pairs as stage 1 makes them, in the source's look, are no such help.
  EXPECT_LT(MeanDice(Pairs(stage1_, restyled)), with - 0.1);
}

TEST_F(PromiseTest, TheStyleOfStage2ComesNearerToHeldOutImages) {
  const SettingMap restyled{{"generate.mix", "restyled:1"}, {"align.iterations", "60"}};
  const double before = ColourDistance(Pairs(stage1_, restyled));
  EXPECT_LT(ColourDistance(Pairs(Aligned(restyled), restyled)), 0.5 * before);
}

// From noise, as in the paper: nothing but the reward's gradient through the tunable step knows the
// references.
TEST_F(PromiseTest, TheControlBranchComesNearerByTheRewardAlone) {
  SettingMap form{{"generate.mix", "generated:1"},  {"align.tune", "control"},
                  {"align.iterations", "40"},       {"align.learning_rate", "0.002"},
                  {"align.diversity_floor", "0"},   {"align.patience", "1000"},
                  {"align.check_interval", "1000"}, {"align.left_out", "0"}};
  const double before = ColourDistance(Pairs(stage1_, form));
  form["align.weight"] = "10";
  EXPECT_LT(ColourDistance(Pairs(Aligned(form), form)), before - 10);
  form["align.weight"] = "0";
  EXPECT_GT(ColourDistance(Pairs(Aligned(form), form)), before - 5);
}

}  // namespace
}  // namespace alignflow
