// Plans of jobs that fit a model, or make pairs with one that is there.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/scheduler/plan_jobs.h"

namespace alignflow {
namespace {

using testing::ElementsAre;
using testing::Pair;
using testing::UnorderedElementsAre;

PlanInput OfKind(JobKind kind, SettingMap given = {}, int64_t pairs = 40) {
  PlanInput job = Job(kind == JobKind::kFit ? 0 : pairs, std::move(given));
  job.kind = kind;
  return job;
}

TEST(PlanKindsTest, AJobThatFitsAModelSharesItsTaskWithJobsThatGoOnFromIt) {
  PlanInput job = OfKind(JobKind::kFit, {{"gates.enabled", "on"}, {"masks.kind", "both"}});
  job.references_digest.clear();
  EXPECT_THAT(Stages(job), ElementsAre("prepare", "fit"));
  EXPECT_EQ(StageSize(job, "prepare"), 1);
  EXPECT_EQ(TaskKey(TasksOf(job, "fit").front()), TaskKey(TasksOf(Job(1), "fit").front()));
  const PlanInput whole = OfKind(JobKind::kFit, {{"framing", "none"}});
  EXPECT_EQ(TasksOf(whole, "fit").front().settings.at("pictures"), "whole");
}

// Its result must be found again whatever else the job says.
TEST(PlanKindsTest, AnImportedModelDependsOnItsFileItsSizeAndTheMasksAlone) {
  PlanInput job = OfKind(JobKind::kFit);
  job.preset = "motfm";
  job.settings = ResolveSettings("motfm", {{"size", "128"}, {"generate.steps", "7"}}).value();
  const TaskSpec fit = TasksOf(job, "fit").front();
  EXPECT_THAT(fit.inputs,
              UnorderedElementsAre(Pair("source", "prepare 0"), Pair("weights", kReferences)));
  EXPECT_EQ(fit.settings, (SettingMap{{"preset", "motfm"},
                                      {"size", "128"},
                                      {"pictures", "whole"},
                                      {"generate.steps", "7"},
                                      {"generate.solver", "euler"}}));
}

TEST(PlanKindsTest, PairsOfAModelAreThoseOfTheJobThatMadeIt) {
  const PlanInput aligned = OfKind(JobKind::kGenerate, {{"gates.enabled", "on"}}, 70);
  EXPECT_THAT(Stages(aligned), ElementsAre("prepare", "describe", "fit", "judge", "align",
                                           "generate", "compare", "figures"));
  EXPECT_TRUE(IsOfModel(aligned, "fit") && IsOfModel(aligned, "align"));
  EXPECT_FALSE(IsOfModel(aligned, "judge") || IsOfModel(Job(1), "fit"));
  EXPECT_TRUE(Prerequisites(aligned, "align").empty()) << "it is there";
  const PlanInput made = Job(70, {{"gates.enabled", "on"}});
  for (const char* stage : {"judge", "generate", "compare", "figures"}) {
    const std::vector<TaskSpec> again = TasksOf(aligned, stage), first = TasksOf(made, stage);
    ASSERT_EQ(again.size(), first.size()) << stage;
    for (size_t i = 0; i < first.size(); ++i)
      EXPECT_EQ(TaskKey(again[i]), TaskKey(first[i])) << stage;
  }
}

TEST(PlanKindsTest, AModelOfStage1HasNoReferences) {
  PlanInput job = OfKind(JobKind::kGenerate, {{"method", "controlnet-fm"},
                                              {"framing", "source"},
                                              {"gates.enabled", "on"},
                                              {"generate.mix", "generated:1"}});
  job.references_digest.clear();
  EXPECT_THAT(Stages(job),
              ElementsAre("prepare", "describe", "fit", "judge", "generate", "figures"));
  EXPECT_THAT(TasksOf(job, "generate").front().inputs,
              UnorderedElementsAre(Pair("source", "prepare 0"), Pair("model", "fit 0"),
                                   Pair("judge/000000", "judge 0"), Pair("judge/000001", "judge 1"),
                                   Pair("statistics", "describe 0")));
  EXPECT_FALSE(TasksOf(job, "figures").front().inputs.contains("references"));
}

TEST(PlanKindsTest, MasksOfAnotherDatasetAreReadWhereMasksAreDrawnAndNowhereElse) {
  const std::string other(64, '5');
  PlanInput job = WithTarget(
      OfKind(JobKind::kGenerate,
             {{"gates.enabled", "on"}, {"masks.kind", "both"}, {"evaluate.segmenter", "unet"}}));
  job.masks_digest = other;
  const std::vector<TaskSpec> prepare = TasksOf(job, "prepare");
  ASSERT_EQ(prepare.size(), 5u) << "source and target as views and whole, and the masks' dataset";
  EXPECT_THAT(prepare.back().inputs, ElementsAre(Pair("dataset", other)));
  EXPECT_EQ(prepare.back().settings.at("pictures"), "view");
  for (const char* stage : {"fit-masks", "masks", "generate", "compare"}) {
    EXPECT_EQ(TasksOf(job, stage).front().inputs.at("source"), "prepare 4") << stage;
    EXPECT_THAT(Prerequisites(job, stage), testing::Contains(StagePart{"prepare", 0, 5})) << stage;
  }
  EXPECT_EQ(TasksOf(job, "generate").front().inputs.at("training"), "prepare 0");
  EXPECT_EQ(TasksOf(job, "figures").front().inputs.at("origins"), "prepare 4");
  for (const char* stage : {"describe", "judge", "figures"}) {
    EXPECT_EQ(TasksOf(job, stage).front().inputs.at("source"), "prepare 0") << stage;
  }
}

TEST(PlanKindsTest, EveryPrerequisiteOfAJobThatBeginsWithAModelIsInAnEarlierStage) {
  for (const char* method : {"alignflow", "controlnet-fm"}) {
    for (const char* masks : {"real", "both"}) {
      PlanInput job = WithTarget(OfKind(JobKind::kGenerate, {{"method", method},
                                                             {"masks.kind", masks},
                                                             {"gates.enabled", "on"},
                                                             {"evaluate.segmenter", "unet"}}));
      job.masks_digest = std::string(64, '5');
      std::set<std::string> earlier;
      for (const std::string& stage : Stages(job)) {
        for (const StagePart& part : Prerequisites(job, stage)) {
          EXPECT_TRUE(earlier.contains(part.stage)) << part.stage << " of " << stage;
          EXPECT_LE(part.first + part.count, StageSize(job, part.stage)) << stage;
        }
        earlier.insert(stage);
        EXPECT_EQ(static_cast<int>(TasksOf(job, stage).size()), StageSize(job, stage)) << stage;
      }
    }
  }
}

}  // namespace
}  // namespace alignflow
