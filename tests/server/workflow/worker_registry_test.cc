#include "server/workflow/worker_registry.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace alignflow {
namespace {

const absl::Time kRegistryNow = absl::FromUnixSeconds(1000000);

class WorkerRegistryTest : public testing::Test {
 protected:
  void Add(const std::string& id, absl::Time now = kRegistryNow) {
    ASSERT_TRUE(workers_.Add(id, "", {}, WorkerMode::kOpen, now).ok());
  }
  void Fail(const std::string& id, const std::string& task) {
    workers_.NoteLeaseEnd(id, task, LeaseOutcome::kFailed, "it broke", kRegistryNow);
  }
  bool IsOpen(const std::string& id, absl::Time now = kRegistryNow) {
    bool open = false;
    workers_.LookAtFleet(now, [&](const Fleet& fleet) {
      const FleetWorker* worker = fleet.Find(id);
      open = worker != nullptr && worker->open;
    });
    return open;
  }
  int CountOpen(absl::Time now = kRegistryNow) {
    int open = 0;
    workers_.LookAtFleet(now, [&](const Fleet& fleet) {
      for (const auto& [abilities, group] : fleet.groups()) open += group.open;
    });
    return open;
  }

  WorkerRegistry workers_;
};

TEST_F(WorkerRegistryTest, AQuarantineEndsForPlacementWhenItsTimeHasCome) {
  Add("broken");
  Add("sound");
  for (const char* task : {"1", "2", "3"}) Fail("broken", task);
  EXPECT_FALSE(IsOpen("broken"));
  EXPECT_EQ(CountOpen(), 1);
  const absl::Time end = workers_.Find("broken")->health.quarantine_end;
  EXPECT_FALSE(IsOpen("broken", end - absl::Microseconds(1)));
  EXPECT_TRUE(IsOpen("broken", end));
  EXPECT_EQ(CountOpen(end), 2);
}

TEST_F(WorkerRegistryTest, ACordonOutlastsAQuarantineAndAPardonEndsIt) {
  Add("w");
  for (const char* task : {"1", "2", "3"}) Fail("w", task);
  workers_.SetMode("w", WorkerMode::kCordoned);
  const absl::Time end = workers_.Find("w")->health.quarantine_end;
  EXPECT_FALSE(IsOpen("w", end));
  workers_.SetMode("w", WorkerMode::kOpen);
  EXPECT_TRUE(IsOpen("w", end));
  Fail("w", "4");
  EXPECT_FALSE(IsOpen("w")) << "after a quarantine one failure is enough";
  workers_.Pardon("w");
  EXPECT_TRUE(IsOpen("w"));
}

TEST_F(WorkerRegistryTest, RegisteringAgainEndsNoQuarantine) {
  Add("w");
  for (const char* task : {"1", "2", "3"}) Fail("w", task);
  Add("w");
  EXPECT_FALSE(IsOpen("w"));
  EXPECT_EQ(workers_.size(), 1);
}

TEST_F(WorkerRegistryTest, WhoIsForgottenLeavesNothingBehind) {
  Add("silent");
  Add("heard");
  for (const char* task : {"1", "2", "3"}) Fail("silent", task);
  Fail("heard", "4");
  workers_.Touch("heard", kRegistryNow + absl::Minutes(2));
  EXPECT_EQ(workers_.DropSilent(kRegistryNow + absl::Minutes(2), absl::Minutes(1)), 1);
  EXPECT_EQ(CountOpen(kRegistryNow + absl::Hours(2)), 1);
  workers_.Exonerate("1");
  Add("silent", kRegistryNow + absl::Minutes(2));
  EXPECT_TRUE(IsOpen("silent")) << "it begins anew";
}

TEST_F(WorkerRegistryTest, ATaskAtFaultCountsAgainstNobodyThatFailedIt) {
  for (const char* id : {"a", "b"}) {
    Add(id);
    Fail(id, "bad input");
    Fail(id, "other");
  }
  workers_.Exonerate("bad input");
  workers_.Exonerate("never heard of");
  for (const char* id : {"a", "b"}) {
    Fail(id, "third");
    EXPECT_TRUE(IsOpen(id));
    Fail(id, "fourth");
    EXPECT_FALSE(IsOpen(id));
  }
}

// Every lease and report asks the registry; what it looks at must not grow with those connected.
TEST_F(WorkerRegistryTest, WhatPlacementLooksAtIsAsLargeAsThereAreKindsOfWorkers) {
  for (int i = 0; i < 1000; ++i) Add(absl::StrCat("w-", i));
  workers_.LookAtFleet(kRegistryNow, [](const Fleet& fleet) {
    EXPECT_EQ(fleet.groups().size(), 1u);
    EXPECT_EQ(fleet.size(), 1000);
  });
}

}  // namespace
}  // namespace alignflow
