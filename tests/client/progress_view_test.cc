#include "client/progress_view.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace alignflow {
namespace {

constexpr absl::Time Second(int second) { return absl::FromUnixSeconds(second); }

v1::Stage RunningFit() {
  v1::Stage stage;
  stage.set_id("fit");
  stage.set_state(v1::STAGE_STATE_RUNNING);
  stage.set_step(25);
  stage.set_steps_total(100);
  stage.mutable_start_time()->set_seconds(1000);
  (*stage.mutable_values())["loss"] = 0.1234;
  return stage;
}

v1::Job RunningJob() {
  v1::Job job;
  job.set_name("jobs/x");
  job.set_state(v1::JOB_STATE_RUNNING);
  *job.add_stages() = RunningFit();
  v1::Stage* align = job.add_stages();
  align->set_id("align");
  align->set_state(v1::STAGE_STATE_WAITING);
  return job;
}

TEST(DescribeStage, ShowsShareLossAndTimeLeftFromTheMeanRate) {
  const std::string text = DescribeStage(RunningFit(), Second(1010));
  EXPECT_EQ(text, " 25 %  25/100  30.0 s left  loss 0.123");
}

TEST(DescribeStage, TakesTheWorkersOwnRateForTheTimeLeft) {
  v1::Stage stage = RunningFit();
  (*stage.mutable_values())["steps_per_second"] = 5;
  const std::string text = DescribeStage(stage, Second(1010));
  EXPECT_NE(text.find("15.0 s left  loss 0.123  5 steps/s"), std::string::npos) << text;
}

TEST(DescribeStage, ShowsAlignmentImagesPerSecondRetriesAndNote) {
  v1::Stage stage = RunningFit();
  (*stage.mutable_values())["alignment"] = 0.5;
  (*stage.mutable_values())["left_out_alignment"] = 0.7;
  (*stage.mutable_values())["diversity"] = 0.9;
  (*stage.mutable_values())["images_per_second"] = 12;
  stage.set_retries(2);
  stage.set_note("resized\x1b[2J");
  const std::string text = DescribeStage(stage, Second(1010));
  for (const char* part : {"alignment 0.5", "left-out alignment 0.7", "diversity 0.9",
                           "12 images/s", "retried 2x", "resized?[2J"}) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  }
}

TEST(DescribeStage, NothingIsDividedByZeroBeforeTheFirstStep) {
  v1::Stage stage = RunningFit();
  stage.set_step(0);
  EXPECT_EQ(DescribeStage(stage, Second(1010)), "  0 %  0/100  loss 0.123");
  stage.set_steps_total(0);
  EXPECT_EQ(DescribeStage(stage, Second(1010)), "  0 %  loss 0.123");
}

TEST(DescribeStage, SaysWhatWasReusedAndHowLongItTook) {
  v1::Stage stage = RunningFit();
  stage.set_state(v1::STAGE_STATE_REUSED);
  EXPECT_EQ(DescribeStage(stage, Second(1010)).substr(0, 6), "reused");
  stage.set_state(v1::STAGE_STATE_SUCCEEDED);
  stage.mutable_end_time()->set_seconds(1187);
  stage.set_tasks_reused(3);
  stage.set_tasks_total(4);
  const std::string text = DescribeStage(stage, Second(2000));
  EXPECT_NE(text.find("succeeded in 3m07s  3 of 4 reused"), std::string::npos) << text;
}

TEST(DrawJob, NoLineIsWiderThanTheTerminal) {
  v1::Job job = RunningJob();
  job.set_waiting_reason(std::string(300, 'w'));
  job.mutable_stages(0)->set_note("h\xc3\xb6her " + std::string(300, 'n'));
  for (const int width : {1, 7, 20, 80, 200}) {
    for (const std::string& line : DrawJob(job, Second(1010), width, 100)) {
      const auto columns =
          std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xc0) != 0x80; });
      EXPECT_LE(columns, std::max(1, width - 1)) << line;
    }
  }
}

TEST(DrawJob, OneBarPerStageFilledToItsShare) {
  const auto lines = DrawJob(RunningJob(), Second(1010), 81, 100);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[1].substr(0, 32), "fit       [#####...............]");
  EXPECT_EQ(lines[2], "align     [....................]  waiting");
}

TEST(DrawJob, IsNoHigherThanTheTerminalAndKeepsWhatRuns) {
  v1::Job job;
  for (int i = 0; i < 10; ++i) {
    v1::Stage* stage = job.add_stages();
    *stage = RunningFit();
    stage->set_id(absl::StrCat("stage-", i));
    if (i < 6) stage->set_state(v1::STAGE_STATE_SUCCEEDED);
    if (i > 6) stage->set_state(v1::STAGE_STATE_WAITING);
  }
  EXPECT_EQ(DrawJob(job, Second(1010), 80, 12).size(), 11u);
  const auto lines = DrawJob(job, Second(1010), 80, 7);
  ASSERT_EQ(lines.size(), 6u);
  EXPECT_EQ(lines[1].substr(0, 7), "stage-5");
  EXPECT_EQ(DrawJob(job, Second(1010), 80, 4)[1].substr(0, 7), "stage-6");
  EXPECT_EQ(DrawJob(job, Second(1010), 80, 1).size(), 1u);
}

TEST(DrawJob, TellsWhyAJobWaits) {
  v1::Job job = RunningJob();
  job.set_state(v1::JOB_STATE_QUEUED);
  job.set_waiting_reason("no worker is connected");
  EXPECT_EQ(DrawJob(job, Second(1010), 80, 100)[0], "jobs/x queued: no worker is connected");
}

class ProgressViewTest : public testing::Test {
 protected:
  std::string Take() {
    const std::string text = err_.str();
    err_.str("");
    return text;
  }
  std::ostringstream out_, err_;
};

TEST_F(ProgressViewTest, TerminalIsRedrawnInPlace) {
  Console console{.out = out_, .err = err_, .interactive = true};
  ProgressView view(console);
  view.Show(RunningJob(), Second(1010));
  EXPECT_EQ(Take().find("\x1b"), std::string::npos);
  view.Show(RunningJob(), Second(1011));
  EXPECT_EQ(Take().substr(0, 8), "\x1b[3A\r\x1b[J");
  view.Say("hello");
  EXPECT_NE(Take().find("hello\njobs/x"), std::string::npos);
}

TEST_F(ProgressViewTest, ElsewhereALineComesOnChangeAndEveryFewSeconds) {
  Console console{.out = out_, .err = err_};
  ProgressView view(console);
  v1::Job job = RunningJob();
  view.Show(job, Second(1010));
  EXPECT_EQ(Take(), "jobs/x running\nfit:  25 %  25/100  30.0 s left  loss 0.123\n");
  job.mutable_stages(0)->set_step(26);
  view.Show(job, Second(1012));
  EXPECT_EQ(Take(), "");
  view.Show(job, Second(1015));
  EXPECT_EQ(Take().substr(0, 16), "fit:  26 %  26/1");
  view.Show(job, Second(1030));
  EXPECT_NE(Take(), "");
  job.mutable_stages(0)->set_state(v1::STAGE_STATE_SUCCEEDED);
  job.mutable_stages(0)->mutable_end_time()->set_seconds(1031);
  view.Show(job, Second(1031));
  EXPECT_EQ(Take(), "fit: succeeded in 31.0 s  loss 0.123\n");
}

}  // namespace
}  // namespace alignflow
