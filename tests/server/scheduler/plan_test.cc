#include "server/scheduler/plan.h"

#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace alignflow {
namespace {

using testing::ElementsAre;

const std::string kSource(64, 'a');
const std::string kReferences(64, 'b');
const std::string kModel(64, 'c');
const std::string kPool(64, 'd');
const std::string kStage2(64, 'e');

PlanInput Job(int64_t pairs, const SettingMap& given = {}) {
  return {.source_digest = kSource,
          .references_digest = kReferences,
          .target_digest = "",
          .pairs = pairs,
          .preset = "unet-64",
          .settings = ResolveSettings("unet-64", given).value()};
}

// Outputs as if fit, rollout and align were done.
std::map<TaskPlace, TaskOutputs> TrainingDone() {
  return {{{"fit", 0}, {{"model", kModel}}},
          {{"rollout", 0}, {{"pool", kPool}}},
          {{"align", 0}, {{"model", kStage2}}}};
}

std::string KeyOf(const PlanInput& job, const std::string& stage) {
  return TaskKey(StageTasks(job, stage, TrainingDone()).value().front());
}

TEST(PlanTest, StagesAreInTheOrderOfTheMethod) {
  EXPECT_THAT(Stages(Job(1)),
              ElementsAre("fit", "rollout", "align", "generate", "compare", "figures"));
}

TEST(PlanTest, FreshRolloutsLeaveTheRolloutTaskOut) {
  const PlanInput job = Job(1, {{"align.rollout", "fresh"}});
  EXPECT_THAT(Stages(job), ElementsAre("fit", "align", "generate", "compare", "figures"));
  EXPECT_EQ(Prerequisites(job, "align"), (std::vector<TaskPlace>{{"fit", 0}}));
  const TaskSpec align = StageTasks(job, "align", TrainingDone()).value().front();
  EXPECT_FALSE(align.inputs.contains("pool"));
}

TEST(PlanTest, ShardsMakeEveryPairOnce) {
  const std::vector<TaskSpec> shards = StageTasks(Job(70), "generate", TrainingDone()).value();
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
    return PairsOf(StageTasks(job, "compare", TrainingDone()).value().back()).value().last;
  };
  EXPECT_EQ(last_compared(Job(5)), 5);
  EXPECT_EQ(last_compared(Job(500, {{"figures.samples", "40"}})), 40);
}

TEST(PlanTest, FiguresWaitOnlyForTheShardsThatTheyLookAt) {
  const PlanInput job = Job(500, {{"figures.samples", "40"}});
  EXPECT_THAT(Prerequisites(job, "figures"),
              ElementsAre(TaskPlace{"compare", 0}, TaskPlace{"compare", 1},
                          TaskPlace{"generate", 0}, TaskPlace{"generate", 1}));
}

TEST(PlanTest, FiguresGetBothStagesAndTheTarget) {
  PlanInput job = Job(2);
  job.target_digest = std::string(64, 'f');
  const TaskSpec task =
      StageTasks(job, "figures",
                 {{{"compare", 0}, {{"pairs", "one"}}}, {{"generate", 0}, {{"pairs", "two"}}}})
          .value()
          .front();
  EXPECT_EQ(task.inputs.at("stage1/000000"), "one");
  EXPECT_EQ(task.inputs.at("stage2/000000"), "two");
  EXPECT_EQ(task.inputs.at("target"), job.target_digest);
  EXPECT_EQ(task.inputs.at("references"), kReferences);
}

TEST(PlanTest, CompareUsesTheStage1ModelAndGenerateTheStage2Model) {
  const auto model = [](const char* stage) {
    return StageTasks(Job(1), stage, TrainingDone()).value().front().inputs.at("model");
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

TEST(PlanTest, KeyChangesWithWhateverChangesTheResult) {
  const TaskSpec task{.kind = "fit", .settings = {{"seed", "0"}}, .inputs = {{"source", kSource}}};
  std::set<std::string> keys = {TaskKey(task)};
  TaskSpec other = task;
  other.kind = "rollout";
  keys.insert(TaskKey(other));
  other = task;
  other.settings["seed"] = "1";
  keys.insert(TaskKey(other));
  other = task;
  other.inputs["source"] = kModel;
  keys.insert(TaskKey(other));
  other = task;
  std::swap(other.settings, other.inputs);
  keys.insert(TaskKey(other));
  EXPECT_EQ(keys.size(), 5u);
  EXPECT_EQ(TaskKey(task), TaskKey(task));
}

TEST(PlanTest, SettingsOfStage2LeaveStage1Alone) {
  EXPECT_EQ(KeyOf(Job(1, {{"align.weight", "2"}}), "fit"), KeyOf(Job(1), "fit"));
  EXPECT_NE(KeyOf(Job(1, {{"align.weight", "2"}}), "align"), KeyOf(Job(1), "align"));
}

TEST(PlanTest, AMissingOutputIsAnErrorAndNotAnEmptyInput) {
  EXPECT_FALSE(StageTasks(Job(1), "rollout", {}).ok());
  EXPECT_FALSE(StageTasks(Job(1), "rollout", {{{"fit", 0}, {{"other", kModel}}}}).ok());
}

}  // namespace
}  // namespace alignflow
