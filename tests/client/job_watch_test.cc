#include "client/job_watch.h"

#include <gtest/gtest.h>

#include "tests/client/fake_coordinator.h"

namespace alignflow {
namespace {

class JobWatchTest : public testing::Test {
 protected:
  FakeCoordinator coordinator_;
  FakeJobs& jobs_ = coordinator_.jobs;
};

TEST_F(JobWatchTest, GoesOnAfterTheLastEventWhenTheStreamBreaks) {
  jobs_.AddEvent(v1::JOB_STATE_RUNNING, v1::STAGE_STATE_RUNNING, 10);
  jobs_.AddEvent(v1::JOB_STATE_RUNNING, v1::STAGE_STATE_RUNNING, 20);
  jobs_.AddEvent(v1::JOB_STATE_SUCCEEDED, v1::STAGE_STATE_SUCCEEDED, 100);
  jobs_.breaks = 2;
  const auto outcome = coordinator_.Run({"job", "watch", "j1"});
  EXPECT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(jobs_.watched_after, (std::vector<int64_t>{0, 1, 2}));
  EXPECT_NE(outcome.err.find("trying again"), std::string::npos);
  EXPECT_NE(outcome.err.find("answers again"), std::string::npos);
  EXPECT_NE(outcome.out.find("succeeded"), std::string::npos);
}

TEST_F(JobWatchTest, PrintsTheFiguresOfASucceededJob) {
  jobs_.AddEvent(v1::JOB_STATE_SUCCEEDED, v1::STAGE_STATE_SUCCEEDED, 100);
  jobs_.report.set_job(FakeJobs::kName);
  v1::Figure* figure = jobs_.report.add_figures();
  figure->set_name("mmd");
  figure->set_subject("stage 2");
  figure->set_value(0.25);
  EXPECT_NE(coordinator_.Run({"job", "watch", "j1"}).out.find("0.25"), std::string::npos);
  const Json document = coordinator_.Run({"job", "get", "j1", "--json"}).json();
  EXPECT_EQ(document["report"]["figures"][0]["value"], 0.25);
  EXPECT_EQ(document["state"], "JOB_STATE_SUCCEEDED");
}

TEST_F(JobWatchTest, JobWithoutAReportHasNullForIt) {
  EXPECT_TRUE(coordinator_.Run({"job", "get", "j1", "--json"}).json()["report"].is_null());
}

TEST_F(JobWatchTest, FailedAndCancelledJobsAreNoSuccess) {
  jobs_.AddEvent(v1::JOB_STATE_FAILED, v1::STAGE_STATE_FAILED, 10);
  jobs_.events.back().mutable_job()->set_error("disk full: make room");
  const auto failed = coordinator_.Run({"job", "watch", "j1", "--json"});
  EXPECT_EQ(failed.exit, kExitFailure);
  EXPECT_EQ(failed.json()["error"]["message"], "jobs/j1 failed: disk full: make room");
  EXPECT_EQ(coordinator_.Run({"job", "cancel", "jobs/j1"}).exit, 0);
  EXPECT_EQ(coordinator_.Run({"job", "watch", "j1"}).exit, kExitFailure);
}

TEST_F(JobWatchTest, UnknownJobIsAnErrorAtOnce) {
  const auto outcome = coordinator_.Run({"job", "watch", "other", "--json"});
  EXPECT_EQ(outcome.json()["error"]["code"], "NOT_FOUND");
}

TEST_F(JobWatchTest, GivesUpOnASilentCoordinator) {
  jobs_.AddEvent(v1::JOB_STATE_RUNNING, v1::STAGE_STATE_RUNNING, 10);
  jobs_.breaks = 1000;
  const auto outcome = coordinator_.Run({"job", "watch", "j1", "--timeout", "0", "--json"});
  EXPECT_EQ(outcome.exit, kExitFailure);
  EXPECT_EQ(outcome.json()["error"]["code"], "DEADLINE_EXCEEDED");
}

}  // namespace
}  // namespace alignflow
