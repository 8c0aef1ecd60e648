#include "server/scheduler/placement.h"

#include <map>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace alignflow {
namespace {

using testing::HasSubstr;

const absl::Time kPlacementNow = absl::FromUnixSeconds(1000000);
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
bool Takes(const Fleet& fleet, const std::string& worker, const TaskSpec& task,
           const TaskTrials& trials = {}) {
  return MayTake(worker, task, trials, fleet, kPlacementNow);
}

TEST(PlacementTest, ATaskGoesToWorkersThatHaveItsModelAlone) {
  const Fleet fleet = {Plain("a"), WithModel("b")};
  EXPECT_TRUE(Takes(fleet, "a", kSmall));
  EXPECT_FALSE(Takes(fleet, "a", kLarge));
  EXPECT_TRUE(Takes(fleet, "b", kLarge));
}

TEST(PlacementTest, FiguresDoWithoutTheModel) {
  TaskSpec figures = kLarge;
  figures.kind = "figures";
  EXPECT_TRUE(Takes({Plain("a")}, "a", figures));
}

TEST(PlacementTest, APresetThatAWorkerDoesNotNameIsNotItsOwn) {
  FleetWorker old = Plain("a");
  old.abilities.presets = {"unet-64"};
  TaskSpec task = kSmall;
  EXPECT_TRUE(Takes({old}, "a", task));
  task.settings["preset"] = "unet-128";
  EXPECT_FALSE(Takes({old}, "a", task));
  EXPECT_THAT(WhyNobodyCan(task, {}, {old}), HasSubstr("does not know the preset unet-128"));
}

TEST(PlacementTest, WhoFailedATaskWaitsUntilAnotherHasTried) {
  Fleet fleet = {Plain("a"), Plain("b")};
  TaskTrials trials;
  trials.tried = {{"a", LeaseOutcome::kFailed}};
  EXPECT_FALSE(Takes(fleet, "a", kSmall, trials));
  EXPECT_TRUE(Takes(fleet, "b", kSmall, trials));
  EXPECT_TRUE(AnotherCan("a", kSmall, trials, fleet));
  fleet.SetOpen("b", false);
  EXPECT_TRUE(Takes(fleet, "a", kSmall, trials)) << "there is no other";
  fleet.SetOpen("b", true);
  trials.tried["b"] = LeaseOutcome::kRefused;
  EXPECT_TRUE(Takes(fleet, "a", kSmall, trials)) << "all have tried";
  EXPECT_FALSE(AnotherCan("a", kSmall, trials, fleet));
}

TEST(PlacementTest, AnUnsuitedWorkerNeverGetsTheTaskAgain) {
  TaskTrials trials;
  trials.tried = {{"a", LeaseOutcome::kUnsuited}};
  EXPECT_FALSE(Takes({WithModel("a")}, "a", kLarge, trials));
  EXPECT_THAT(WhyNobodyCan(kLarge, trials, {WithModel("a")}), HasSubstr("not fit"));
}

TEST(PlacementTest, ATaskThatBacksOffIsNobodys) {
  TaskTrials trials;
  trials.not_before = kPlacementNow + absl::Seconds(1);
  EXPECT_FALSE(Takes({Plain("a")}, "a", kSmall, trials));
  trials.not_before = kPlacementNow;
  EXPECT_TRUE(Takes({Plain("a")}, "a", kSmall, trials));
}

TEST(PlacementTest, APretrainedModelGoesToAnAcceleratorWhereThereIsOne) {
  Fleet fleet = {WithModel("cpu"), WithModel("gpu", "cuda")};
  EXPECT_FALSE(Takes(fleet, "cpu", kLarge));
  EXPECT_TRUE(Takes(fleet, "gpu", kLarge));
  fleet.SetOpen("gpu", false);
  EXPECT_TRUE(Takes(fleet, "cpu", kLarge));
}

TEST(PlacementTest, WhereMemoryRanOutALargerOneIsTriedNext) {
  Fleet fleet;
  for (const auto& [id, memory] : std::map<std::string, int>{{"a", 24}, {"b", 24}, {"c", 80}}) {
    FleetWorker worker = WithModel(id, "cuda");
    worker.abilities.memory_bytes = memory;
    fleet.Put(worker);
  }
  TaskTrials trials;
  trials.tried = {{"a", LeaseOutcome::kFailed}};
  trials.memory_bytes = 24;
  EXPECT_FALSE(Takes(fleet, "b", kLarge, trials));
  EXPECT_TRUE(Takes(fleet, "c", kLarge, trials));
}

TEST(PlacementTest, SaysWhatIsMissing) {
  EXPECT_EQ(WhyNobodyCan(kSmall, {}, {}), "no worker is connected");
  EXPECT_THAT(WhyNobodyCan(kLarge, {}, {}), testing::AllOf(HasSubstr("no worker is connected"),
                                                           HasSubstr("DIR/sd"), HasSubstr("GPU")));
  EXPECT_THAT(WhyNobodyCan(kLarge, {}, {Plain("a"), Plain("b")}),
              testing::AllOf(HasSubstr("no worker can do it"), HasSubstr("no model folder 'sd'"),
                             HasSubstr("--models-dir")));
  FleetWorker cordoned = WithModel("a");
  cordoned.open = false;
  EXPECT_THAT(WhyNobodyCan(kLarge, {}, {cordoned, Plain("b")}), HasSubstr("afctl worker list"));
  EXPECT_EQ(WhyNobodyCan(kLarge, {}, {Plain("a"), WithModel("b")}), "");
}

TEST(PlacementTest, WhoIsNotConnectedTakesNothing) {
  EXPECT_FALSE(Takes({Plain("a")}, "b", kSmall));
  EXPECT_FALSE(Takes({}, "a", kSmall));
}

TEST(PlacementTest, WorkersThatHaveLeftDoNotCountAmongThoseThatTried) {
  TaskTrials trials;
  trials.tried = {{"a", LeaseOutcome::kFailed}, {"gone", LeaseOutcome::kUnsuited}};
  const Fleet fleet = {Plain("a"), Plain("b")};
  EXPECT_FALSE(Takes(fleet, "a", kSmall, trials));
  EXPECT_TRUE(AnotherCan("a", kSmall, trials, fleet));
  EXPECT_FALSE(AnotherCan("b", kSmall, trials, fleet));
  EXPECT_EQ(WhyNobodyCan(kSmall, trials, fleet), "");
}

TEST(PlacementTest, OfThoseThatFailedATaskTheBetterSuitedComesFirst) {
  TaskTrials trials;
  trials.tried = {{"cpu", LeaseOutcome::kFailed}, {"gpu", LeaseOutcome::kFailed}};
  const Fleet fleet = {WithModel("cpu"), WithModel("gpu", "cuda")};
  EXPECT_FALSE(Takes(fleet, "cpu", kLarge, trials));
  EXPECT_TRUE(Takes(fleet, "gpu", kLarge, trials));
}

}  // namespace
}  // namespace alignflow
