#include "server/scheduler/fleet.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace alignflow {
namespace {

FleetWorker Worker(const std::string& id, int64_t memory, bool open = true) {
  FleetWorker worker{.id = id, .abilities = {}, .open = open};
  worker.abilities.memory_bytes = memory;
  return worker;
}

TEST(FleetTest, AThousandEqualWorkersAreOneGroup) {
  Fleet fleet;
  for (int i = 0; i < 1000; ++i) fleet.Put(Worker(absl::StrCat("w-", i), 24, i % 10 != 0));
  ASSERT_EQ(fleet.groups().size(), 1u);
  EXPECT_EQ(fleet.size(), 1000);
  EXPECT_EQ(fleet.groups().begin()->second.workers, 1000);
  EXPECT_EQ(fleet.groups().begin()->second.open, 900);
}

TEST(FleetTest, GroupsFollowTheirWorkers) {
  Fleet fleet = {Worker("a", 24), Worker("b", 24), Worker("c", 80)};
  EXPECT_EQ(fleet.groups().size(), 2u);
  fleet.SetOpen("a", false);
  fleet.SetOpen("a", false);
  EXPECT_EQ(fleet.groups().begin()->second.open, 1);
  fleet.Put(Worker("c", 24));  // it has registered again, with less
  ASSERT_EQ(fleet.groups().size(), 1u);
  EXPECT_EQ(fleet.groups().begin()->second.workers, 3);
  EXPECT_EQ(fleet.groups().begin()->second.open, 2);
  fleet.Remove("nobody");
  fleet.SetOpen("nobody", true);
  for (const char* id : {"a", "b", "c"}) fleet.Remove(id);
  EXPECT_TRUE(fleet.groups().empty());
  EXPECT_EQ(fleet.size(), 0);
}

TEST(FleetTest, AWorkerIsFoundByItsId) {
  const Fleet fleet = {Worker("a", 24), Worker("b", 80, false)};
  ASSERT_NE(fleet.Find("b"), nullptr);
  EXPECT_EQ(fleet.Find("b")->abilities.memory_bytes, 80);
  EXPECT_FALSE(fleet.Find("b")->open);
  EXPECT_EQ(fleet.Find("c"), nullptr);
}

}  // namespace
}  // namespace alignflow
