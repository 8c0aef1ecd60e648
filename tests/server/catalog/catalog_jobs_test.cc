#include <map>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/catalog/jobs.h"
#include "server/catalog/soci.h"
#include "tests/server/catalog/catalog_fixture.h"

namespace alignflow {
namespace {

using testing::ElementsAre;

class CatalogJobsTest : public CatalogTest {};

TEST_F(CatalogJobsTest, AJobIsAfterReopeningWhatItWasBefore) {
  Do([&](WritingSql& sql) {
    JobRecord job = Job("a");
    job.request_id = "request";
    InsertJob(sql, job, {{"stem", "image", 5}});
    job.state = JobState::kFailed;
    job.error = "why";
    job.end_time = kNow;
    UpdateJob(sql, job);
    AddEvent(sql, "a", kNow);
  });
  Reopen();
  Do([&](WritingSql& sql) {
    const JobRecord job = FindJobByRequest(sql, "request").value();
    EXPECT_EQ(job.id, "a");
    EXPECT_EQ(job.state, JobState::kFailed);
    EXPECT_EQ(job.settings, (SettingMap{{"seed", "7"}}));
    EXPECT_THAT(job.warnings, ElementsAre("careful"));
    EXPECT_EQ(job.error, "why");
    EXPECT_EQ(job.end_time, kNow);
    EXPECT_EQ(job.start_time, absl::UnixEpoch());
    EXPECT_EQ(job.last_event, 2) << "event numbers go on";
    EXPECT_EQ(ReferencesOfJob(sql, "a").front().size_bytes, 5);
  });
}

TEST_F(CatalogJobsTest, AStageIsCountedAsItsTasksMove) {
  Do([&](WritingSql& sql) {
    JobRecord job = Job("a");
    InsertJob(sql, job, {});
    InsertJobStage(sql, "a", "generate", 3, 4);
    for (const char* key : {"key", "other"}) InsertTask(sql, Task(key));
    Put(sql, "a", "generate", 0, "key");
    Put(sql, "a", "generate", 1, "other");
    Put(sql, "a", "generate", 2, "other");
    TaskRecord task = FindTask(sql, "key").value();
    task.state = TaskState::kRunning;
    task.progress = {.step = 4, .total = 8, .values = {}, .note = ""};
    task.start_time = kNow;
    UpdateTask(sql, task);
    StageCount count = CountStages(sql, "a").front();
    EXPECT_EQ(count.tasks, 4);
    EXPECT_EQ(count.made, 3);
    EXPECT_EQ(count.queued, 2) << "one task at two places";
    EXPECT_EQ(count.running, 1);
    EXPECT_EQ(count.total, 0) << "what runs is told by those who run it";

    task.state = TaskState::kSucceeded;
    task.progress = {.step = 8, .total = 8, .values = {{"loss", 0.5}}, .note = ""};
    task.pairs = 32;
    task.pairs_left_out = 3;
    task.failures = 1;
    task.losses = 1;
    task.end_time = kNow + absl::Seconds(5);
    UpdateTask(sql, task);
    count = CountStages(sql, "a").front();
    EXPECT_EQ(count.running, 0);
    EXPECT_EQ(count.succeeded, 1);
    EXPECT_EQ(count.step, 8);
    EXPECT_EQ(count.total, 8);
    EXPECT_EQ(count.tasks_with_total, 1);
    EXPECT_EQ(count.pairs, 32);
    EXPECT_EQ(count.pairs_left_out, 3);
    EXPECT_EQ(count.retries, 2);
    EXPECT_EQ(count.start_time, kNow);
    EXPECT_EQ(count.end_time, kNow + absl::Seconds(5));
    EXPECT_EQ(count.latest.values, (std::map<std::string, double>{{"loss", 0.5}}));
    EXPECT_EQ(CountDone(sql, "a", "generate", 1), 0);
    CloseTask(sql, "key");
    EXPECT_EQ(CountDone(sql, "a", "generate", 1), 1);

    // What becomes of a task that the job is done with is not the job's.
    Move(sql, "key", TaskState::kQueued);
    EXPECT_EQ(CountStages(sql, "a").front().succeeded, 1);
  });
}

TEST_F(CatalogJobsTest, AReusedTaskBringsItsPairsAndNeitherTimesNorRetries) {
  Do([&](WritingSql& sql) {
    JobRecord job = Job("a");
    InsertJob(sql, job, {});
    InsertJobStage(sql, "a", "generate", 3, 1);
    InsertTask(sql, Task("key"));
    TaskRecord task = Task("key");
    task.state = TaskState::kSucceeded;
    task.pairs = 32;
    task.failures = 1;
    task.start_time = task.end_time = kNow;
    UpdateTask(sql, task);
    Put(sql, "a", "generate", 0, "key", true);
    const StageCount count = CountStages(sql, "a").front();
    EXPECT_EQ(count.succeeded, 1);
    EXPECT_EQ(count.reused, 1);
    EXPECT_EQ(count.pairs, 32);
    EXPECT_EQ(count.retries, 0);
    EXPECT_EQ(count.start_time, absl::UnixEpoch());
    EXPECT_TRUE(JobsWaitingFor(sql, "key").empty());
  });
}

TEST_F(CatalogJobsTest, JobsAndTasksAreCountedByState) {
  Do([&](WritingSql& sql) {
    for (const char* id : {"a", "b", "c"}) {
      JobRecord job = Job(id);
      InsertJob(sql, job, {});
      InsertTask(sql, Task(id));
    }
    JobRecord job = Job("a");
    job.state = JobState::kFailed;
    UpdateJob(sql, job);
    Move(sql, "b", TaskState::kRunning);
    EXPECT_EQ(CountJobs(sql)[JobState::kQueued], 2);
    EXPECT_EQ(CountJobs(sql)[JobState::kFailed], 1);
    EXPECT_EQ(CountTasks(sql)[TaskState::kQueued], 2);
    EXPECT_EQ(CountTasks(sql)[TaskState::kRunning], 1);
  });
}

}  // namespace
}  // namespace alignflow
