#include "server/scheduler/plan.h"

#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/scheduler/job_shape.h"
#include "server/scheduler/task_rules.h"
#include "tests/server/scheduler/plan_jobs.h"

namespace alignflow {
namespace {

using testing::ElementsAre;
using testing::Pair;
using testing::UnorderedElementsAre;

TEST(PlanTest, StagesAreInTheOrderOfTheMethod) {
  EXPECT_THAT(Stages(Job(1)), ElementsAre("prepare", "describe", "fit", "rollout", "align",
                                          "generate", "compare", "figures"));
}

// What makes a shard of a job with other settings, methods or presets read the same file.
TEST(PlanTest, PreparingDependsOnTheDatasetAndTheSizeAlone) {
  const TaskSpec prepare = TasksOf(Job(1), "prepare").front();
  EXPECT_EQ(prepare.settings, (SettingMap{{"pictures", "view"}, {"size", "64"}}));
  EXPECT_THAT(prepare.inputs, ElementsAre(Pair("dataset", kSource)));
  PlanInput other =
      WithTarget(Job(70, {{"seed", "9"}, {"method", "fda"}, {"gates.enabled", "on"}}));
  other.references_digest = kPool;
  const std::vector<TaskSpec> both = TasksOf(other, "prepare");
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(TaskKey(both[0]), TaskKey(prepare));
  EXPECT_THAT(both[1].inputs, ElementsAre(Pair("dataset", kTarget)));
  EXPECT_EQ(KeyOf(other, "describe"), KeyOf(Job(1), "describe"));
  const auto of_preset = [](const char* preset, SettingMap given) {
    PlanInput job = Job(1);
    job.preset = preset;
    job.settings = ResolveSettings(preset, given).value();
    return TaskKey(TasksOf(job, "prepare").front());
  };
  EXPECT_EQ(of_preset("unet-128", {}), of_preset("sd3.5-medium", {{"size", "128"}}));
  EXPECT_NE(of_preset("unet-128", {}), of_preset("sd3.5-medium", {}));
}

TEST(PlanTest, OnlyTasksThatPrepareReadADataset) {
  const PlanInput job = WithTarget(
      Job(40, {{"masks.kind", "both"}, {"gates.enabled", "on"}, {"evaluate.segmenter", "unet"}}));
  for (const std::string& stage : Stages(job)) {
    for (const TaskSpec& task : TasksOf(job, stage)) {
      for (const auto& [role, digest] : task.inputs) {
        EXPECT_EQ(digest == kSource || digest == kTarget, stage == "prepare")
            << stage << " " << role;
      }
    }
  }
}

TEST(PlanTest, FreshRolloutsLeaveTheRolloutTaskOut) {
  const PlanInput job = Job(1, {{"align.rollout", "fresh"}});
  EXPECT_THAT(Stages(job),
              ElementsAre("prepare", "describe", "fit", "align", "generate", "compare", "figures"));
  EXPECT_EQ(Prerequisites(job, "align"),
            (std::vector<StagePart>{{"prepare"}, {"describe"}, {"fit"}}));
  const TaskSpec align = StageTasks(job, {.stage = "align"}, TrainingDone()).value().front();
  EXPECT_FALSE(align.inputs.contains("pool"));
}

TEST(PlanTest, ShardsMakeEveryPairOnce) {
  const std::vector<TaskSpec> shards =
      StageTasks(Job(70), Whole(Job(70), "generate"), TrainingDone()).value();
  ASSERT_EQ(static_cast<int>(shards.size()), StageSize(Job(70), "generate"));
  int64_t next = 1;
  for (size_t i = 0; i < shards.size(); ++i) {
    const PairRange range = PairsOf(shards[i]).value();
    EXPECT_EQ(range.first, next);
    for (int64_t pair = range.first; pair <= range.last; ++pair) {
      EXPECT_EQ(ShardOfPair(pair), static_cast<int>(i));
    }
    next = range.last + 1;
  }
  EXPECT_EQ(next, 71);
}

TEST(PlanTest, ComparesNoMorePairsThanTheJobAndTheFiguresHave) {
  const auto last_compared = [](const PlanInput& job) {
    return PairsOf(StageTasks(job, Whole(job, "compare"), TrainingDone()).value().back())
        .value()
        .last;
  };
  EXPECT_EQ(last_compared(Job(5)), 5);
  EXPECT_EQ(last_compared(Job(500, {{"figures.samples", "40"}})), 40);
}

TEST(PlanTest, FiguresWaitOnlyForTheShardsThatTheyLookAt) {
  const PlanInput job = Job(500, {{"figures.samples", "40"}});
  EXPECT_THAT(Prerequisites(job, "figures"),
              ElementsAre(StagePart{"prepare"}, StagePart{"describe"}, StagePart{"generate", 0, 2},
                          StagePart{"compare", 0, 2}));
}

TEST(PlanTest, CompareUsesTheStage1ModelAndGenerateTheStage2Model) {
  const auto model = [](const char* stage) {
    return StageTasks(Job(1), {.stage = stage}, TrainingDone()).value().front().inputs.at("model");
  };
  EXPECT_EQ(model("compare"), kModel);
  EXPECT_EQ(model("generate"), kStage2);
}

TEST(PlanTest, OtherReferencesShareStage1AndItsRolloutsButNotStage2) {
  PlanInput other = Job(10);
  other.references_digest = std::string(64, '9');
  EXPECT_EQ(KeyOf(other, "fit"), KeyOf(Job(10), "fit"));
  EXPECT_EQ(KeyOf(other, "rollout"), KeyOf(Job(10), "rollout"));
  EXPECT_EQ(KeyOf(other, "compare"), KeyOf(Job(10), "compare"));
  EXPECT_NE(KeyOf(other, "align"), KeyOf(Job(10), "align"));
}

TEST(PlanTest, SettingsOfStage2LeaveStage1Alone) {
  EXPECT_EQ(KeyOf(Job(1, {{"align.weight", "2"}}), "fit"), KeyOf(Job(1), "fit"));
  EXPECT_NE(KeyOf(Job(1, {{"align.weight", "2"}}), "align"), KeyOf(Job(1), "align"));
}

TEST(PlanTest, AMissingOutputIsAnErrorAndNotAnEmptyInput) {
  EXPECT_FALSE(StageTasks(Job(1), {.stage = "rollout"}, {}).ok());
  EXPECT_FALSE(StageTasks(Job(1), {.stage = "rollout"}, {{{"fit", 0}, {{"other", kModel}}}}).ok());
}

TEST(PlanTest, EverythingAskedForIsAStageOnceItIsNeeded) {
  const PlanInput job = WithTarget(Job(
      1, {{"masks.kind", "synthetic"}, {"gates.enabled", "on"}, {"evaluate.segmenter", "unet"}}));
  EXPECT_THAT(Stages(job),
              ElementsAre("prepare", "describe", "fit", "fit-masks", "judge", "rollout", "align",
                          "masks", "generate", "compare", "baseline", "evaluate", "figures"));
}

TEST(PlanTest, EveryPrerequisiteIsInAnEarlierStageOfTheJob) {
  for (const char* method : {"alignflow", "controlnet-fm", "reinhard", "fda", "framing"}) {
    for (const char* masks : {"real", "both"}) {
      for (const char* gates : {"on", "off"}) {
        const PlanInput job = WithTarget(Job(70, {{"method", method},
                                                  {"masks.kind", masks},
                                                  {"gates.enabled", gates},
                                                  {"figures.samples", "40"},
                                                  {"evaluate.segmenter", "unet"}}));
        std::map<TaskPlace, TaskOutputs> done;
        const std::map<TaskPlace, TaskOutputs> all = AllDone(job);
        for (const std::string& stage : Stages(job)) {
          for (const TaskPlace& place : PlacesOf(Prerequisites(job, stage))) {
            EXPECT_TRUE(done.contains(place)) << stage << " of " << method;
          }
          std::map<TaskPlace, TaskOutputs> needed;
          for (const TaskPlace& place : PlacesOf(InputsOf(job, Whole(job, stage)))) {
            needed[place] = all.at(place);
          }
          const auto tasks = StageTasks(job, Whole(job, stage), needed);
          ASSERT_TRUE(tasks.ok()) << stage << " of " << method << ": " << tasks.status();
          EXPECT_EQ(static_cast<int>(tasks->size()), StageSize(job, stage));
          for (int i = 0; i < StageSize(job, stage); ++i) done[{stage, i}] = {};
        }
      }
    }
  }
}

TEST(PlanTest, ControlNetFmGeneratesWithTheStage1ModelAlone) {
  const PlanInput job = Job(1, {{"method", "controlnet-fm"}, {"framing", "source"}});
  EXPECT_THAT(Stages(job), ElementsAre("prepare", "describe", "fit", "generate", "figures"));
  EXPECT_THAT(TasksOf(job, "generate").front().inputs,
              UnorderedElementsAre(Pair("source", "prepare 0"), Pair("model", "fit 0")));
  EXPECT_EQ(TasksOf(job, "fit").front().settings, TasksOf(Job(1), "fit").front().settings)
      << "both methods share stage 1";
}

TEST(PlanTest, ColourTransferNeedsNoModelAndNoJudge) {
  for (const char* method : {"reinhard", "fda", "framing"}) {
    const PlanInput job = Job(40, {{"method", method}, {"gates.enabled", "on"}});
    EXPECT_THAT(Stages(job), ElementsAre("prepare", "describe", "generate", "figures"));
    const std::vector<TaskSpec> tasks = TasksOf(job, "generate");
    ASSERT_EQ(tasks.size(), 2u);
    EXPECT_EQ(tasks[1].kind, "transfer");
    EXPECT_EQ(tasks[1].settings.at("method"), method);
    EXPECT_EQ(PairsOf(tasks[1]).value().first, 33);
    EXPECT_THAT(tasks[0].inputs,
                UnorderedElementsAre(Pair("source", "prepare 0"), Pair("references", kReferences)));
  }
}

TEST(PlanTest, NewMasksGoShardByShardToBothStages) {
  const PlanInput job = Job(70, {{"masks.kind", "both"}, {"figures.samples", "40"}});
  const std::vector<TaskSpec> masks = TasksOf(job, "masks");
  const std::vector<TaskSpec> generate = TasksOf(job, "generate");
  const std::vector<TaskSpec> compare = TasksOf(job, "compare");
  ASSERT_EQ(masks.size(), 3u);
  ASSERT_EQ(generate.size(), 3u);
  ASSERT_EQ(compare.size(), 2u);
  EXPECT_EQ(masks[0].inputs.at("model"), "fit-masks 0");
  EXPECT_EQ(masks[0].inputs.at("rules"), "fit-masks 0");
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(generate[i].inputs.at("masks"), "masks " + std::to_string(i));
    EXPECT_EQ(PairsOf(generate[i]).value().first, PairsOf(masks[i]).value().first);
    EXPECT_EQ(PairsOf(generate[i]).value().last, PairsOf(masks[i]).value().last);
  }
  EXPECT_EQ(compare[1].inputs.at("masks"), "masks 1");
}

TEST(PlanTest, ThereIsAJudgeForEachFoldOfTheSource) {
  const PlanInput job = Job(1, {{"gates.enabled", "on"}, {"judge.folds", "2"}});
  EXPECT_EQ(StageSize(job, "judge"), 2);
  EXPECT_THAT(Prerequisites(job, "generate"), testing::Contains(StagePart{"judge", 0, 2}));
  const std::vector<TaskSpec> judges = TasksOf(job, "judge");
  ASSERT_EQ(judges.size(), 2u);
  EXPECT_EQ(judges[0].settings.at("fold"), "0");
  EXPECT_EQ(judges[1].settings.at("fold"), "1");
  const auto inputs = TasksOf(job, "generate").front().inputs;
  EXPECT_EQ(inputs.at("judge/000000"), "judge 0");
  EXPECT_EQ(inputs.at("judge/000001"), "judge 1");

  // One judge is what it was before there were folds.
  const std::vector<TaskSpec> one =
      TasksOf(Job(1, {{"gates.enabled", "on"}, {"judge.folds", "1"}}), "judge");
  ASSERT_EQ(one.size(), 1u);
  EXPECT_FALSE(one[0].settings.contains("fold") || one[0].settings.contains("judge.folds"));
}

TEST(PlanTest, GatesGetTheJudgeAndTheReferencesAndLeaveCompareAlone) {
  const PlanInput job = Job(1, {{"gates.enabled", "on"}, {"gates.mask_agreement", "0.9"}});
  const TaskSpec generate = TasksOf(job, "generate").front();
  EXPECT_EQ(generate.inputs.at("judge/000000"), "judge 0");
  EXPECT_EQ(generate.inputs.at("statistics"), "describe 0");
  EXPECT_EQ(generate.inputs.at("references"), kReferences);
  const TaskSpec compare = TasksOf(job, "compare").front();
  EXPECT_FALSE(compare.inputs.contains("judge/000000"));
  EXPECT_FALSE(compare.inputs.contains("references"));
  EXPECT_EQ(TaskKey(compare), TaskKey(TasksOf(Job(1), "compare").front()));
  EXPECT_EQ(TaskKey(compare),
            TaskKey(TasksOf(Job(1, {{"restyle.least_style", "0.5"}}), "compare").front()));
}

TEST(PlanTest, RecolouringTakesTheReferences) {
  const auto has_references = [](const char* mix, const char* masks) {
    const PlanInput job = Job(1, {{"framing", "source"},
                                  {"gates.enabled", "off"},
                                  {"generate.mix", mix},
                                  {"masks.kind", masks}});
    return TasksOf(job, "generate").front().inputs.contains("references");
  };
  EXPECT_TRUE(has_references("restyled:0.5,recoloured:0.5", "real"));
  EXPECT_TRUE(has_references("restyled:0.5,recoloured:0.5", "both"));
  EXPECT_FALSE(has_references("restyled:0.5,recoloured:0.5", "synthetic"));
  EXPECT_FALSE(has_references("restyled:1", "real"));
  EXPECT_FALSE(has_references("generated:1", "real"));
}

TEST(PlanTest, JobsWithOtherSharesOfRecolouredPairsUseTheSameModelsAndImagesOfStage1) {
  const auto key = [](const char* mix, const char* stage, const char* method = "alignflow") {
    const PlanInput job = Job(1, {{"generate.mix", mix}, {"method", method}});
    return TaskKey(TasksOf(job, stage).front());
  };
  for (const char* stage : {"rollout", "align", "compare"}) {
    EXPECT_EQ(key("restyled:0.5,recoloured:0.5", stage), key("restyled:1", stage)) << stage;
    EXPECT_NE(key("generated:1", stage), key("restyled:1", stage)) << stage;
  }
  EXPECT_NE(key("restyled:0.5,recoloured:0.5", "generate"), key("restyled:1", "generate"));
  EXPECT_EQ(key("restyled:0.5,recoloured:0.5", "generate", "controlnet-fm"),
            key("restyled:1", "generate", "controlnet-fm"));
  EXPECT_NE(key("generated:0.5,restyled:0.5", "compare"),
            key("generated:0.4,restyled:0.6", "compare"));
}

TEST(PlanTest, WhereAllPairsAreRecolouredThereIsNoStage1ToCompareWith) {
  const PlanInput all = Job(1, {{"generate.mix", "recoloured:1"}});
  EXPECT_THAT(Stages(all), testing::Not(testing::Contains("compare")));
  const PlanInput both = Job(2, {{"generate.mix", "recoloured:1"}, {"masks.kind", "both"}});
  EXPECT_THAT(Stages(both), testing::Contains("compare"));
}

TEST(PlanTest, EvaluationRunsWithoutAndWithThePairsOfEveryShard) {
  const SettingMap settings = {
      {"evaluate.segmenter", "unet"}, {"evaluate.seeds", "2"}, {"evaluate.pictures", "view"}};
  EXPECT_EQ(Stages(Job(1, settings)), Stages(Job(1))) << "nothing to test on without a target";
  const PlanInput job = WithTarget(Job(40, settings));
  const std::vector<TaskSpec> baseline = TasksOf(job, "baseline");
  const std::vector<TaskSpec> both = TasksOf(job, "evaluate");
  ASSERT_EQ(baseline.size(), 2u);
  ASSERT_EQ(both.size(), 4u);
  EXPECT_EQ(baseline[1].kind, "baseline");
  EXPECT_EQ(baseline[1].settings.at("run"), "2");
  EXPECT_THAT(baseline[1].inputs, UnorderedElementsAre(Pair("source", "prepare 0")));
  EXPECT_EQ(both[3].kind, "evaluate");
  EXPECT_EQ(both[3].settings.at("run"), "2");
  EXPECT_THAT(both[3].inputs,
              UnorderedElementsAre(Pair("source", "prepare 0"), Pair("target", "prepare 1"),
                                   Pair("segmenter", "baseline 1")));
  EXPECT_THAT(
      both[1].inputs,
      UnorderedElementsAre(Pair("source", "prepare 0"), Pair("target", "prepare 1"),
                           Pair("pairs/000000", "generate 0"), Pair("pairs/000001", "generate 1")));
}

TEST(PlanTest, TheBaselineIsSharedByJobsThatDifferInTheirPairsOrTarget) {
  const auto baseline = [](SettingMap settings, char target = '7') {
    settings["evaluate.segmenter"] = "unet";
    PlanInput job = WithTarget(Job(40, settings));
    job.target_digest = std::string(64, target);
    job.references_digest = std::string(64, settings.size() % 2 == 0 ? '8' : '9');
    return TaskKey(TasksOf(job, "baseline").front());
  };
  EXPECT_EQ(baseline({}), baseline({{"evaluate.synthetic_share", "0.3"}}));
  EXPECT_EQ(baseline({}), baseline({{"method", "fda"}}));
  EXPECT_EQ(baseline({}), baseline({}, '6'));
  EXPECT_NE(baseline({}), baseline({{"evaluate.iterations", "7"}}));
}

TEST(PlanTest, FiguresGetBothStagesTheTargetAndAllScores) {
  const TaskSpec task = TasksOf(WithTarget(Job(2, {{"evaluate.segmenter", "unet"},
                                                   {"evaluate.seeds", "2"},
                                                   {"evaluate.pictures", "view"}})),
                                "figures")
                            .front();
  EXPECT_THAT(task.inputs,
              UnorderedElementsAre(
                  Pair("source", "prepare 0"), Pair("statistics", "describe 0"),
                  Pair("references", kReferences), Pair("target", "prepare 1"),
                  Pair("stage1/000000", "compare 0"), Pair("stage2/000000", "generate 0"),
                  Pair("view/real/000000", "evaluate 2"), Pair("view/real/000001", "evaluate 3"),
                  Pair("view/both/000000", "evaluate 0"), Pair("view/both/000001", "evaluate 1")));
}

TEST(PlanTest, SegmentersSeeWholePicturesAndViewsInTurn) {
  const PlanInput job =
      WithTarget(Job(2, {{"evaluate.segmenter", "unet"}, {"evaluate.seeds", "2"}}));
  const std::vector<TaskSpec> prepare = TasksOf(job, "prepare");
  ASSERT_EQ(prepare.size(), 4u);
  EXPECT_EQ(prepare[0].settings.at("pictures"), "view");
  EXPECT_EQ(prepare[3].settings.at("pictures"), "whole");
  EXPECT_THAT(prepare[3].inputs, ElementsAre(Pair("dataset", kTarget)));
  const std::vector<TaskSpec> evaluate = TasksOf(job, "evaluate");
  ASSERT_EQ(evaluate.size(), 8u);
  EXPECT_EQ(evaluate[1].settings.at("pictures"), "whole");
  EXPECT_THAT(evaluate[1].inputs,
              UnorderedElementsAre(Pair("source", "prepare 2"), Pair("target", "prepare 3"),
                                   Pair("pairs/000000", "generate 0")));
  EXPECT_EQ(evaluate[7].settings.at("pictures"), "view");
  EXPECT_THAT(evaluate[7].inputs,
              UnorderedElementsAre(Pair("source", "prepare 0"), Pair("target", "prepare 1"),
                                   Pair("segmenter", "baseline 3")));
  const TaskSpec figures = TasksOf(job, "figures").front();
  EXPECT_EQ(figures.inputs.at("whole/both/000001"), "evaluate 1");
  EXPECT_EQ(figures.inputs.at("view/real/000000"), "evaluate 6");
  EXPECT_EQ(figures.inputs.at("target"), "prepare 1");
}

TEST(PlanTest, SegmentersOfAnotherSizeHaveSetsOfTheirOwn) {
  const PlanInput job =
      WithTarget(Job(2, {{"evaluate.segmenter", "unet"}, {"evaluate.size", "128"}}));
  const std::vector<TaskSpec> prepare = TasksOf(job, "prepare");
  ASSERT_EQ(prepare.size(), 6u);
  ASSERT_EQ(StageSize(job, "prepare"), 6);
  EXPECT_EQ(prepare[1].settings, (SettingMap{{"pictures", "view"}, {"size", "64"}}));
  EXPECT_EQ(prepare[2].settings, (SettingMap{{"pictures", "whole"}, {"size", "128"}}));
  EXPECT_EQ(prepare[5].settings, (SettingMap{{"pictures", "view"}, {"size", "128"}}));
  EXPECT_THAT(prepare[5].inputs, ElementsAre(Pair("dataset", kTarget)));
  const TaskSpec of_view = TasksOf(job, "evaluate").back();
  EXPECT_EQ(of_view.inputs.at("source"), "prepare 4");
  EXPECT_EQ(of_view.inputs.at("target"), "prepare 5");
  EXPECT_EQ(TasksOf(job, "figures").front().inputs.at("target"), "prepare 1");
}

TEST(PlanTest, JobsThatDifferInTheSizeOfTheirPairsShareTheirModels) {
  const auto key = [](const char* size, const char* stage) {
    return TaskKey(TasksOf(Job(2, {{"pairs.size", size}}), stage).front());
  };
  for (const char* stage : {"fit", "rollout", "align"}) {
    EXPECT_EQ(key("0", stage), key("256", stage)) << stage;
  }
  // Figures compare both stages' pairs as they are handed out.
  for (const char* stage : {"generate", "compare"}) {
    EXPECT_NE(key("0", stage), key("256", stage)) << stage;
  }
}

TEST(PlanTest, WithoutFramesEveryTaskSeesWholePictures) {
  const PlanInput job = WithTarget(Job(2, {{"evaluate.segmenter", "unet"}, {"framing", "none"}}));
  for (const std::string& stage : Stages(job)) {
    for (const TaskSpec& task : TasksOf(job, stage)) {
      if (!task.settings.contains("pictures")) continue;
      EXPECT_EQ(task.settings.at("pictures"), "whole") << stage;
    }
  }
  EXPECT_EQ(TasksOf(job, "prepare").size(), 2u);
}

TEST(PlanTest, JobsThatDifferInTheirFramesShareTheirModels) {
  const auto key = [](const char* framing, const char* stage) {
    return TaskKey(TasksOf(Job(2, {{"framing", framing}}), stage).front());
  };
  for (const char* stage : {"fit", "rollout", "align", "compare"}) {
    EXPECT_EQ(key("references", stage), key("source", stage)) << stage;
  }
  EXPECT_NE(key("references", "generate"), key("source", "generate"));
  const PlanInput stage1 = Job(2, {{"method", "controlnet-fm"}});
  EXPECT_TRUE(TasksOf(stage1, "generate").front().inputs.contains("references"))
      << "for their frames";
}

TEST(PlanTest, SettingsOfAnOlderVersionAskForTheOldGraph) {
  PlanInput job = WithTarget(Job(1));
  job.settings = {{"align.rollout", "pool"}, {"figures.samples", "128"}};
  EXPECT_THAT(Stages(job), ElementsAre("prepare", "describe", "fit", "rollout", "align", "generate",
                                       "compare", "figures"));
}

TEST(PlanTest, AStageMadePartByPartIsTheSameAsAWhole) {
  const PlanInput job = WithTarget(Job(
      300, {{"masks.kind", "both"}, {"evaluate.segmenter", "unet"}, {"figures.samples", "100"}}));
  const auto all = AllDone(job);
  for (const std::string& stage : Stages(job)) {
    const std::vector<TaskSpec> whole = TasksOf(job, stage);
    std::vector<std::string> keys, parts;
    for (const TaskSpec& task : whole) keys.push_back(TaskKey(task));
    for (int first = 0; first < StageSize(job, stage); first += 2) {
      const StagePart part{.stage = stage, .first = first, .count = 2};
      std::map<TaskPlace, TaskOutputs> needed;
      for (const TaskPlace& place : PlacesOf(InputsOf(job, part))) needed[place] = all.at(place);
      const std::vector<TaskSpec> tasks = StageTasks(job, part, needed).value();
      for (const TaskSpec& task : tasks) parts.push_back(TaskKey(task));
    }
    EXPECT_EQ(parts, keys) << stage;
  }
}

TEST(PlanTest, APartNeedsTheMasksOfItsOwnShardsAlone) {
  const PlanInput job = Job(1000000, {{"masks.kind", "both"}});
  for (const StagePart& input : InputsOf(job, {.stage = "generate", .first = 500, .count = 8})) {
    if (input.stage != "masks") continue;
    EXPECT_EQ(input.first, 500);
    EXPECT_EQ(input.count, 8);
  }
}

TEST(PlanTest, AnEvaluationReadsABoundedNumberOfShardsSpreadOverAllOfALargeJob) {
  const auto shards_of = [](int64_t pairs) {
    const PlanInput job = WithTarget(Job(pairs, {{"evaluate.segmenter", "unet"}}));
    const StagePart part{.stage = "evaluate", .first = 0, .count = 1};
    std::map<TaskPlace, TaskOutputs> needed;
    for (const TaskPlace& place : PlacesOf(InputsOf(job, part))) {
      for (const char* role : {"packed", "segmenter", "pairs"}) {
        needed[place][role] = place.stage + " " + std::to_string(place.ordinal);
      }
    }
    const std::vector<TaskSpec> tasks = StageTasks(job, part, needed).value();
    std::vector<std::string> pairs_of_task;
    for (const auto& [role, value] : tasks.front().inputs) {
      if (role.starts_with("pairs/")) pairs_of_task.push_back(value);
    }
    return pairs_of_task;
  };
  EXPECT_THAT(shards_of(70), ElementsAre("generate 0", "generate 1", "generate 2"));
  const std::vector<std::string> large = shards_of(1'000'000);
  EXPECT_EQ(std::ssize(large), kMostEvaluatedShards);
  EXPECT_EQ(large.front(), "generate 0");
  EXPECT_EQ(large.back(), "generate 31152");  // 319 of 320 parts of 31,250
  EXPECT_EQ(std::set(large.begin(), large.end()).size(), large.size());
}

}  // namespace
}  // namespace alignflow
