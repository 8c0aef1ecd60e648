#include "server/scheduler/task_rules.h"

#include <set>

#include "gtest/gtest.h"

namespace alignflow {
namespace {

const std::string kSource(64, 'a');
const std::string kModel(64, 'c');

TEST(TaskRulesTest, KeyChangesWithWhateverChangesTheResult) {
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

TEST(TaskRulesTest, EveryKindThatAWorkerRunsPutsSomethingOut) {
  for (const char* kind : {"fit", "rollout", "align", "fit-masks", "masks", "judge", "generate",
                           "transfer", "baseline", "evaluate", "figures"}) {
    EXPECT_FALSE(OutputRoles(kind).empty()) << kind;
  }
  EXPECT_TRUE(OutputRoles("nonsense").empty());
}

}  // namespace
}  // namespace alignflow
