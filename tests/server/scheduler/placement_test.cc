#include "server/scheduler/placement.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace alignflow {
namespace {

using testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1000000);
const TaskSpec kSmall{.kind = "fit", .settings = {{"preset", "unet-64"}}, .inputs = {}};
const TaskSpec kLarge{
    .kind = "fit", .settings = {{"preset", "sd3.5-medium"}, {"weights", "sd"}}, .inputs = {}};

FleetWorker Plain(const std::string& id) { return {.id = id, .abilities = {}, .open = true}; }
FleetWorker WithModel(const std::string& id, const std::string& device = "cpu") {
  FleetWorker worker = Plain(id);
  worker.abilities.device = device;
  worker.abilities.models = {{.name = "sd", .fingerprint = "1"}};
  return worker;
}
bool Takes(const Fleet& fleet, size_t worker, const TaskSpec& task, const TaskTrials& trials = {}) {
  return MayTake(fleet[worker], task, trials, fleet, kNow);
}

TEST(PlacementTest, ATaskGoesToWorkersThatHaveItsModelAlone) {
  const Fleet fleet = {Plain("a"), WithModel("b")};
  EXPECT_TRUE(Takes(fleet, 0, kSmall));
  EXPECT_FALSE(Takes(fleet, 0, kLarge));
  EXPECT_TRUE(Takes(fleet, 1, kLarge));
}

TEST(PlacementTest, FiguresDoWithoutTheModel) {
  TaskSpec figures = kLarge;
  figures.kind = "figures";
  EXPECT_TRUE(Takes({Plain("a")}, 0, figures));
}

TEST(PlacementTest, APresetThatAWorkerDoesNotNameIsNotItsOwn) {
  FleetWorker old = Plain("a");
  old.abilities.presets = {"unet-64"};
  TaskSpec task = kSmall;
  EXPECT_TRUE(Takes({old}, 0, task));
  task.settings["preset"] = "unet-128";
  EXPECT_FALSE(Takes({old}, 0, task));
  EXPECT_THAT(WhyNobodyCan(task, {}, {old}), HasSubstr("does not know the preset unet-128"));
}

TEST(PlacementTest, WhoFailedATaskWaitsUntilAnotherHasTried) {
  Fleet fleet = {Plain("a"), Plain("b")};
  TaskTrials trials;
  trials.tried = {{"a", LeaseOutcome::kFailed}};
  EXPECT_FALSE(Takes(fleet, 0, kSmall, trials));
  EXPECT_TRUE(Takes(fleet, 1, kSmall, trials));
  EXPECT_TRUE(AnotherCan("a", kSmall, trials, fleet));
  fleet[1].open = false;
  EXPECT_TRUE(Takes(fleet, 0, kSmall, trials)) << "there is no other";
  fleet[1].open = true;
  trials.tried["b"] = LeaseOutcome::kRefused;
  EXPECT_TRUE(Takes(fleet, 0, kSmall, trials)) << "all have tried";
  EXPECT_FALSE(AnotherCan("a", kSmall, trials, fleet));
}

TEST(PlacementTest, AnUnsuitedWorkerNeverGetsTheTaskAgain) {
  TaskTrials trials;
  trials.tried = {{"a", LeaseOutcome::kUnsuited}};
  EXPECT_FALSE(Takes({WithModel("a")}, 0, kLarge, trials));
  EXPECT_THAT(WhyNobodyCan(kLarge, trials, {WithModel("a")}), HasSubstr("not fit"));
}

TEST(PlacementTest, ATaskThatBacksOffIsNobodys) {
  TaskTrials trials;
  trials.not_before = kNow + absl::Seconds(1);
  EXPECT_FALSE(Takes({Plain("a")}, 0, kSmall, trials));
  trials.not_before = kNow;
  EXPECT_TRUE(Takes({Plain("a")}, 0, kSmall, trials));
}

TEST(PlacementTest, APretrainedModelGoesToAnAcceleratorWhereThereIsOne) {
  Fleet fleet = {WithModel("cpu"), WithModel("gpu", "cuda")};
  EXPECT_FALSE(Takes(fleet, 0, kLarge));
  EXPECT_TRUE(Takes(fleet, 1, kLarge));
  fleet[1].open = false;
  EXPECT_TRUE(Takes(fleet, 0, kLarge));
}

TEST(PlacementTest, WhereMemoryRanOutALargerOneIsTriedNext) {
  Fleet fleet = {WithModel("a", "cuda"), WithModel("b", "cuda"), WithModel("c", "cuda")};
  fleet[0].abilities.memory_bytes = fleet[1].abilities.memory_bytes = 24;
  fleet[2].abilities.memory_bytes = 80;
  TaskTrials trials;
  trials.tried = {{"a", LeaseOutcome::kFailed}};
  trials.memory_bytes = 24;
  EXPECT_FALSE(Takes(fleet, 1, kLarge, trials));
  EXPECT_TRUE(Takes(fleet, 2, kLarge, trials));
}

TEST(PlacementTest, SaysWhatIsMissing) {
  EXPECT_EQ(WhyNobodyCan(kLarge, {}, {}), "no worker is connected");
  EXPECT_THAT(WhyNobodyCan(kLarge, {}, {Plain("a"), Plain("b")}),
              testing::AllOf(HasSubstr("no worker can do it"), HasSubstr("no model folder 'sd'"),
                             HasSubstr("--models-dir")));
  FleetWorker cordoned = WithModel("a");
  cordoned.open = false;
  EXPECT_THAT(WhyNobodyCan(kLarge, {}, {cordoned, Plain("b")}), HasSubstr("afctl worker list"));
  EXPECT_EQ(WhyNobodyCan(kLarge, {}, {Plain("a"), WithModel("b")}), "");
}

}  // namespace
}  // namespace alignflow
