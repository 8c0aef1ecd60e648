#include "client/job_watch.h"

#include <gtest/gtest.h>

#include <sstream>

#include "client/job_text.h"
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

TEST_F(JobWatchTest, ADamagedReportTakesNothingElseOfTheJobAlong) {
  jobs_.AddEvent(v1::JOB_STATE_SUCCEEDED, v1::STAGE_STATE_SUCCEEDED, 100);
  jobs_.report_is_damaged = true;
  const auto watch = coordinator_.Run({"job", "watch", "j1"});
  EXPECT_EQ(watch.exit, 0) << watch.err;
  EXPECT_NE(watch.out.find("figures can't be shown: blob 12 is damaged"), std::string::npos);
  const Json document = coordinator_.Run({"job", "get", "j1", "--json"}).json();
  EXPECT_EQ(document["state"], "JOB_STATE_SUCCEEDED");
  EXPECT_EQ(document["report"], nullptr);
  EXPECT_EQ(document["report_error"], "blob 12 is damaged");
  EXPECT_NE(coordinator_.Run({"report", "j1"}).exit, 0);
}

TEST_F(JobWatchTest, VerdictsComeFirstAndFiguresHaveTheirIntervals) {
  jobs_.AddEvent(v1::JOB_STATE_SUCCEEDED, v1::STAGE_STATE_SUCCEEDED, 100);
  jobs_.job = jobs_.events.back().job();
  jobs_.job.mutable_spec()->set_pairs(15);
  jobs_.job.set_pairs_ready(12);
  jobs_.job.set_pairs_left_out(3);
  jobs_.report.set_job(FakeJobs::kName);
  v1::Verdict* verdict = jobs_.report.add_verdicts();
  verdict->set_name("alignment");
  verdict->set_verdict("poor");
  verdict->set_reason("no closer than stage 1");
  v1::Figure* figure = jobs_.report.add_figures();
  figure->set_name("mmd");
  figure->set_subject("stage 2");
  figure->set_value(0.25);
  figure->set_low(0.2);
  figure->set_high(0.3);
  figure->set_note("only 12 images");
  jobs_.report.add_figures()->set_name("fid");
  jobs_.report.mutable_figures(1)->set_subject("stage 2");
  const std::string text = coordinator_.Run({"job", "get", "j1"}).out;
  EXPECT_EQ(text.find("alignment:  poor  no closer than stage 1"), 0u) << text;
  for (const char* part : {"0.25 [0.2, 0.3]", "not available", "mmd: only 12 images",
                           "12 of 15 ready, 3 left out by the gates"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
}

TEST_F(JobWatchTest, FiguresThatLackWeightsAreFoldedIntoOneLineThatNamesThem) {
  jobs_.report.set_job(FakeJobs::kName);
  const auto add = [&](const char* name, const char* subject, const char* file) {
    v1::Figure* figure = jobs_.report.add_figures();
    figure->set_name(name);
    figure->set_subject(subject);
    figure->set_note(absl::StrCat("not available: no ", file, " in the worker's models folder"));
  };
  for (const char* subject : {"source", "pairs"}) {
    add("fid", subject, "figures/inception.safetensors");
    add("kd (dinov3)", subject, "figures/dinov3");
  }
  jobs_.report.add_figures()->set_name("mmd");
  jobs_.report.mutable_figures(4)->set_subject("pairs");
  jobs_.report.mutable_figures(4)->set_value(0.5);
  const std::string text = coordinator_.Run({"job", "get", "j1"}).out;
  const std::string line =
      "Not available, because the worker's --models-dir has no figures/inception.safetensors and "
      "no figures/dinov3: fid, kd (dinov3)\n";
  EXPECT_NE(text.find(line), std::string::npos) << text;
  EXPECT_EQ(text.find("not available"), std::string::npos) << text;
  EXPECT_NE(text.find("0.5"), std::string::npos);
  const Json document = coordinator_.Run({"job", "get", "j1", "--json"}).json();
  EXPECT_EQ(document["report"]["figures"].size(), 5u) << "the document keeps all";
}

TEST_F(JobWatchTest, NoFigureIsWiderThanTheTerminal) {
  v1::Report report;
  for (const char* subject : {"source", "stage 1", "stage 2", "pairs", "target"}) {
    v1::Figure* figure = report.add_figures();
    figure->set_name("mmd to references");
    figure->set_subject(subject);
    figure->set_value(92.54);
    figure->set_low(80.2);
    figure->set_high(102);
    figure->set_better("lower");
    figure->set_note("small sample: 4 images, needs 50; spread over subsets of 2 images: 10.2");
  }
  for (const int width : {40, 60, 80}) {
    std::istringstream lines(FiguresText(report, width));
    for (std::string line; std::getline(lines, line);) {
      EXPECT_LE(line.size(), static_cast<size_t>(width)) << line;
    }
  }
  EXPECT_NE(FiguresText(report, 80).find("mmd to references (lower is better)\n  source: 92.54"),
            std::string::npos)
      << FiguresText(report, 80);
  EXPECT_EQ(FiguresText(report, 0).find("FIGURE"), 0u) << "a program gets the table";
  EXPECT_EQ(FiguresText(report, 300), FiguresText(report, 0));
}

TEST_F(JobWatchTest, JobWithoutAReportHasNullForIt) {
  EXPECT_TRUE(coordinator_.Run({"job", "get", "j1", "--json"}).json()["report"].is_null());
}

TEST_F(JobWatchTest, FailedAndCancelledJobsAreNoSuccess) {
  jobs_.AddEvent(v1::JOB_STATE_FAILED, v1::STAGE_STATE_FAILED, 10);
  jobs_.events.back().mutable_job()->set_error("disk full: make room");
  const auto failed = coordinator_.Run({"job", "watch", "j1", "--json"});
  EXPECT_EQ(failed.exit, kExitJob);
  EXPECT_EQ(failed.json()["error"]["message"], "job j1 failed: disk full: make room");
  EXPECT_EQ(coordinator_.Run({"job", "cancel", "jobs/j1"}).exit, 0);
  EXPECT_EQ(coordinator_.Run({"job", "watch", "j1"}).exit, kExitJob);
}

TEST_F(JobWatchTest, UnknownJobIsAnErrorAtOnce) {
  const auto outcome = coordinator_.Run({"job", "watch", "other", "--json"});
  EXPECT_EQ(outcome.json()["error"]["code"], "NOT_FOUND");
}

TEST_F(JobWatchTest, GivesUpOnASilentCoordinator) {
  jobs_.AddEvent(v1::JOB_STATE_RUNNING, v1::STAGE_STATE_RUNNING, 10);
  jobs_.breaks = 1000;
  const auto outcome = coordinator_.Run({"job", "watch", "j1", "--timeout", "0", "--json"});
  EXPECT_EQ(outcome.exit, kExitNoAnswer);
  EXPECT_EQ(outcome.json()["error"]["code"], "DEADLINE_EXCEEDED");
}

}  // namespace
}  // namespace alignflow
