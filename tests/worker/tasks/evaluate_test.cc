#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <span>

#include "tests/worker/tasks/task_fixture.h"

namespace alignflow {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

class EvaluateTest : public TaskFixture {
 protected:
  TaskSpec Evaluate(const std::map<std::string, std::string>& inputs, int iterations,
                    SettingMap given = {}) {
    given.insert({{"evaluate.iterations", std::to_string(iterations)},
                  {"evaluate.batch", "8"},
                  {"evaluate.augment", "none"}});
    TaskSpec spec = Spec("evaluate", inputs, given);
    spec.settings["run"] = "1";
    return spec;
  }
  json Scores(const TaskSpec& spec) { return json::parse(blobs_->Read(Run(spec)["scores"])); }

  // Pairs as a generate task writes them: the dataset's own images and masks.
  std::string PutPairs(const std::string& manifest) {
    std::string lines;
    int pair = 0;
    const DatasetManifest dataset = *ParseManifest(blobs_->Read(manifest));
    for (const DatasetItem& item : dataset.items) {
      lines += json{{"pair", ++pair},
                    {"image", item.image},
                    {"mask", item.mask},
                    {"record", {{"mask", item.name}}}}
                   .dump() +
               "\n";
    }
    return blobs_->Put(lines);
  }
  std::string ErrorOf(const TaskSpec& spec) {
    const auto context = NewContext();
    const auto outputs = RunTask(spec, *context);
    EXPECT_EQ(outputs.status().code(), absl::StatusCode::kInvalidArgument) << outputs.status();
    return std::string(outputs.status().message());
  }
};

TEST_F(EvaluateTest, ATrainedSegmenterSeesUnseenPhantomsAndAnUntrainedOneDoesNot) {
  const std::string source = PutPhantoms(PhantomDomain::kSource, 32, true);
  const std::string target = PutPhantoms(PhantomDomain::kSource, 48, true);
  const std::map<std::string, std::string> inputs{{"source", source}, {"target", target}};
  const json untrained = Scores(Evaluate(inputs, 1));
  const json trained = Scores(Evaluate(inputs, 80));
  EXPECT_GT(trained.at("mean_dice"), 0.6);
  EXPECT_LT(untrained.at("mean_dice"), 0.3);
  EXPECT_LT(trained.at("mean_iou"), trained.at("mean_dice"));
  EXPECT_EQ(trained.at("segmenter"), "unet");
  EXPECT_EQ(trained.at("encoder"), "random");
  EXPECT_EQ(trained.at("run"), 1);
  EXPECT_EQ(trained.at("pairs"), 0);
  EXPECT_EQ(trained.at("iterations"), 80);
  EXPECT_EQ(trained.at("classes"), json({"polyp"}));
  ASSERT_EQ(trained.at("images").size(), 48u);
  EXPECT_EQ(trained.at("images")[0].at("name"), "item-100");
  double sum = 0;
  for (const json& image : trained.at("images")) sum += image.at("dice")[0].get<double>();
  EXPECT_NEAR(sum / 48, trained.at("mean_dice").get<double>(), 1e-9);
}

// The product's promise, at its smallest: pairs in the target's style help.
TEST_F(EvaluateTest, PairsInTheTargetsStyleHelpOnTheTarget) {
  const std::string source = PutPhantoms(PhantomDomain::kSource, 32, true);
  const std::string target = PutPhantoms(PhantomDomain::kTargetB, 48, true);
  const std::string pairs = PutPairs(PutPhantoms(PhantomDomain::kTargetB, 32, true));
  const std::map<std::string, std::string> real{{"source", source}, {"target", target}};
  auto both = real;
  both["pairs/000001"] = pairs;
  const json without = Scores(Evaluate(real, 80)), with = Scores(Evaluate(both, 80));
  EXPECT_EQ(with.at("pairs"), 32);
  EXPECT_GT(with.at("mean_dice").get<double>(), without.at("mean_dice").get<double>() + 0.1);
}

TEST_F(EvaluateTest, ABaselineTrainedApartGivesTheScoresOfOneTrainedHere) {
  const std::string source = PutPhantoms(PhantomDomain::kSource, 6, true);
  const std::map<std::string, std::string> inputs{{"source", source}, {"target", source}};
  TaskSpec baseline = Evaluate({{"source", source}}, 4);
  baseline.kind = "baseline";
  auto given = inputs;
  given["segmenter"] = Run(baseline)["segmenter"];
  EXPECT_EQ(Scores(Evaluate(given, 4)), Scores(Evaluate(inputs, 4)));
}

TEST_F(EvaluateTest, ABaselineOfAnotherNetworkIsRefusedByName) {
  const std::string source = PutPhantoms(PhantomDomain::kSource, 6, true);
  TaskSpec baseline = Evaluate({{"source", source}}, 1);
  baseline.kind = "baseline";
  const std::string segmenter = Run(baseline)["segmenter"];
  EXPECT_THAT(ErrorOf(Evaluate({{"source", source}, {"target", source}, {"segmenter", segmenter}},
                               1, {{"evaluate.segmenter", "segformer-b0"}})),
              AllOf(HasSubstr("the baseline"), HasSubstr("segformer-b0")));
}

TEST_F(EvaluateTest, AWorkerWithoutWeightsOfASegmenterIsUnfitForIt) {
  const std::string source = PutPhantoms(PhantomDomain::kSource, 6, true);
  const absl::Status status = RunTask(Evaluate({{"source", source}, {"target", source}}, 1,
                                               {{"evaluate.segmenter", "segformer-b0"}}),
                                      *NewContext())
                                  .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("folder segformer-b0"), HasSubstr("--models-dir")));
}

TEST_F(EvaluateTest, RunsAreRepeatableAndDifferFromEachOther) {
  const std::string source = PutPhantoms(PhantomDomain::kSource, 6, true);
  TaskSpec spec = Evaluate({{"source", source}, {"target", source}}, 4);
  const std::string first = Run(spec)["scores"];
  EXPECT_EQ(Run(spec)["scores"], first);
  spec.settings["run"] = "2";
  EXPECT_NE(Run(spec)["scores"], first);
}

TEST_F(EvaluateTest, ResumedAfterACancelItGivesTheSameScores) {
  const std::string source = PutPhantoms(PhantomDomain::kSource, 6, true);
  const TaskSpec spec = Evaluate({{"source", source}, {"target", source}}, 4);
  const std::string whole = Run(spec)["scores"];
  const auto stopped = NewContext();
  stopped->cancel_at = 2;
  EXPECT_EQ(RunTask(spec, *stopped).status().code(), absl::StatusCode::kCancelled);
  const auto resumed = NewContext();
  resumed->checkpoint = stopped->checkpoint;
  const auto outputs = RunTask(spec, *resumed);
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_EQ(outputs->at("scores"), whole);
}

TEST_F(EvaluateTest, OrdinaryAugmentationTrainsAnotherModelThatAlsoLearns) {
  const std::string source = PutPhantoms(PhantomDomain::kSource, 32, true);
  const std::string target = PutPhantoms(PhantomDomain::kSource, 48, true);
  const std::map<std::string, std::string> inputs{{"source", source}, {"target", target}};
  const json plain = Scores(Evaluate(inputs, 80, {{"evaluate.augment", "none"}}));
  const json augmented = Scores(Evaluate(inputs, 80, {{"evaluate.augment", "ordinary"}}));
  EXPECT_NE(augmented.at("images"), plain.at("images"));
  EXPECT_GT(augmented.at("mean_dice"), 0.4);
}

TEST_F(EvaluateTest, ScoresCarryTheGroupsOfTheImages) {
  DatasetManifest manifest =
      *ParseManifest(blobs_->Read(PutPhantoms(PhantomDomain::kSource, 3, true)));
  manifest.items[0].name = "seq05_frame079";
  manifest.items[1].name = "patient_left_eye";
  manifest.items[2].name = "seq07_frame001";
  const std::string source = blobs_->Put(*WriteManifest(manifest));
  const auto groups = [&](const std::string& target) {
    std::map<std::string, std::string> found;
    const json scores = Scores(Evaluate({{"source", source}, {"target", target}}, 1));
    for (const json& image : scores.at("images")) {
      found[image.at("name")] = image.at("group");
    }
    return found;
  };
  using Groups = std::map<std::string, std::string>;
  EXPECT_EQ(
      groups(source),
      (Groups{{"seq05_frame079", "seq05"}, {"seq07_frame001", "seq07"}, {"patient_left_eye", ""}}));
  for (DatasetItem& item : manifest.items) item.group = "p" + item.name.substr(0, 4);
  EXPECT_EQ(groups(blobs_->Put(*WriteManifest(manifest))), (Groups{{"seq05_frame079", "pseq0"},
                                                                   {"seq07_frame001", "pseq0"},
                                                                   {"patient_left_eye", "ppati"}}));
}

TEST_F(EvaluateTest, ATargetWithTheSameClassesInOtherValuesGetsTheSameScores) {
  const std::string source = PutPhantoms(PhantomDomain::kSource, 6, true);
  const std::string target = PutPhantoms(PhantomDomain::kTargetA, 4, true);
  DatasetManifest other = *ParseManifest(blobs_->Read(target));
  const LabelTable before = other.labels;
  other.labels = *LabelTable::Parse("polyp=7,background=100");
  for (DatasetItem& item : other.items) {
    cv::Mat mask = *DecodeMask(blobs_->Read(item.mask), item.name, &before);
    const std::span<uint8_t> pixels(mask.data, mask.total());
    before.ToClasses(pixels);
    other.labels.ToValues(pixels);
    item.mask = blobs_->Put(*EncodePng(mask));
  }
  const std::string renumbered = blobs_->Put(*WriteManifest(other));
  ASSERT_NE(renumbered, target);
  EXPECT_EQ(Scores(Evaluate({{"source", source}, {"target", renumbered}}, 4)),
            Scores(Evaluate({{"source", source}, {"target", target}}, 4)));
}

TEST_F(EvaluateTest, ATargetOfOtherClassesOrWithoutMasksIsRefusedByName) {
  const std::string source = PutPhantoms(PhantomDomain::kSource, 3, true);
  DatasetManifest other = *ParseManifest(blobs_->Read(source));
  other.labels = *LabelTable::Parse("lesion=255");
  EXPECT_THAT(
      ErrorOf(Evaluate({{"source", source}, {"target", blobs_->Put(*WriteManifest(other))}}, 1)),
      HasSubstr("the target has the classes lesion, but the source has polyp; push"));
  EXPECT_THAT(
      ErrorOf(Evaluate(
          {{"source", source}, {"target", PutPhantoms(PhantomDomain::kTargetA, 3, false)}}, 1)),
      HasSubstr("target has no masks"));
}

}  // namespace
}  // namespace alignflow
