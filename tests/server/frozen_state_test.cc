#include <filesystem>

#include "tests/server/coordinator_fixture.h"

namespace alignflow {
namespace {

// tests/data/state/README.md
class FrozenStateTest : public CoordinatorTest {
 protected:
  void SetUp() override {
    SKIP_ON_POSTGRES("no earlier version wrote any");
    std::filesystem::copy(std::filesystem::path(ALIGNFLOW_TEST_DATA) / "state" / "2026-11",
                          folder_.path() / "state", std::filesystem::copy_options::recursive);
    Start();
  }
};

TEST_F(FrozenStateTest, WhatWasDoneIsThere) {
  const v1::Job done = GetJob("jobs/0da364fb");
  EXPECT_EQ(done.state(), v1::JOB_STATE_SUCCEEDED);
  for (const v1::Stage& stage : done.stages()) {
    EXPECT_EQ(stage.tasks_done(), stage.tasks_total()) << stage.id();
    EXPECT_EQ(stage.state(), v1::STAGE_STATE_SUCCEEDED) << stage.id();
  }
  EXPECT_EQ(done.pairs_ready() + done.pairs_left_out(), 4);
  EXPECT_NE(done.stage1_model(), "");
  EXPECT_NE(done.stage2_model(), "");
  absl::Status status;
  EXPECT_EQ(PairsOf("jobs/0da364fb", 0, &status).size(), 4u);
  EXPECT_EQ(status, absl::OkStatus());
  EXPECT_EQ(GetJob("jobs/6948d685").state(), v1::JOB_STATE_CANCELLED);
}

TEST_F(FrozenStateTest, WhatWasUnfinishedGoesOnToItsEnd) {
  EXPECT_EQ(GetJob("jobs/dc3011bc").state(), v1::JOB_STATE_RUNNING)
      << GetJob("jobs/dc3011bc").error();
  EXPECT_EQ(GetJob("jobs/88552ec1").state(), v1::JOB_STATE_QUEUED)
      << GetJob("jobs/88552ec1").error();
  coordinator_->Maintain(absl::Now() + absl::Hours(2));  // the worker of the lease is lost
  Work(Register());
  for (const char* name : {"jobs/dc3011bc", "jobs/88552ec1"}) {
    EXPECT_EQ(GetJob(name).state(), v1::JOB_STATE_SUCCEEDED) << GetJob(name).error();
  }
}

TEST_F(FrozenStateTest, ACopyFromBeforeTheUpgradeIsKept) {
  EXPECT_TRUE(
      std::filesystem::exists(folder_.path() / "state" / "catalog.sqlite.before-upgrade-from-4"));
  Restart();
  EXPECT_EQ(GetJob("jobs/0da364fb").state(), v1::JOB_STATE_SUCCEEDED);
}

}  // namespace
}  // namespace alignflow
