#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/catalog/jobs.h"
#include "server/catalog/results.h"
#include "server/catalog/soci.h"
#include "tests/server/catalog/catalog_fixture.h"

namespace alignflow {
namespace {

using testing::ElementsAre;

class CatalogTasksTest : public CatalogTest {};

TEST_F(CatalogTasksTest, ATaskIsAfterReopeningWhatItWasBefore) {
  TaskRecord task = Task("key");
  task.state = TaskState::kRunning;
  task.attempt = 4;
  task.worker = "worker";
  task.lease_expires = kNow + absl::Seconds(15);
  task.reported = "failure";
  task.failures = 1;
  task.losses = 2;
  task.checkpoint = "checkpoint";
  task.error = "it's \"quoted\"";
  task.progress = {.step = 3, .total = 9, .values = {{"loss", 0.5}}, .note = "resized"};
  task.pairs = 32;
  task.start_time = kNow;
  Do([&](WritingSql& sql) {
    InsertTask(sql, Task("key"));
    UpdateTask(sql, task);
    SetOutputs(sql, "key", {{"model", "blob"}});
    SetPairs(sql, "key", {{1, "image", "mask", "{}", ""}});
  });
  Reopen();
  Do([&](WritingSql& sql) {
    const TaskRecord found = FindTask(sql, "key").value();
    EXPECT_EQ(found.spec.kind, "fit");
    EXPECT_EQ(found.spec.settings, task.spec.settings);
    EXPECT_EQ(found.spec.inputs, task.spec.inputs);
    EXPECT_EQ(found.state, task.state);
    EXPECT_EQ(found.attempt, 4);
    EXPECT_EQ(found.worker, "worker");
    EXPECT_EQ(found.lease_expires, task.lease_expires);
    EXPECT_EQ(found.reported, "failure");
    EXPECT_EQ(found.failures, 1);
    EXPECT_EQ(found.losses, 2);
    EXPECT_EQ(found.checkpoint, "checkpoint");
    EXPECT_EQ(found.error, task.error);
    EXPECT_EQ(found.progress.step, 3);
    EXPECT_EQ(found.progress.total, 9);
    EXPECT_EQ(found.progress.values, task.progress.values);
    EXPECT_EQ(found.progress.note, "resized");
    EXPECT_EQ(found.pairs, 32);
    EXPECT_EQ(found.queue_time, kNow);
    EXPECT_EQ(found.start_time, kNow);
    EXPECT_EQ(found.end_time, absl::UnixEpoch());
    EXPECT_EQ(OutputsOfTask(sql, "key"), (TaskOutputs{{"model", "blob"}}));
    EXPECT_EQ(PairsOfTask(sql, "key").front().mask, "mask");
  });
}

TEST_F(CatalogTasksTest, TheQueuedTaskOfTheLeastRankComesFirst) {
  Do([&](WritingSql& sql) {
    const auto insert = [&](const char* key, const TaskRank& rank) {
      TaskRecord task = Task(key);
      task.rank = rank;
      InsertTask(sql, task);
    };
    insert("a", {.turn = 2, .stage = 0, .ordinal = 0});
    insert("b", {.turn = 1, .stage = 4, .ordinal = 0});
    insert("c", {.turn = 1, .stage = 3, .ordinal = 1});
    insert("d", {.turn = 1, .stage = 3, .ordinal = 0});
  });
  std::vector<std::string> order;
  Do([&](WritingSql& sql) {
    while (const auto task =
               NextQueuedTask(sql, kDefaultTenant, {}, [](const TaskRecord&) { return true; })) {
      order.push_back(task->key);
      Move(sql, task->key, TaskState::kRunning);
    }
  });
  EXPECT_THAT(order, ElementsAre("d", "c", "b", "a"));
}

// A plan that scans a table would cost more with every task that there ever was.
TEST_F(CatalogTasksTest, NothingThatAWorkerWaitsForScansATable) {
  const std::vector<std::string> queries = {
      "SELECT * FROM tasks WHERE state = 'queued' ORDER BY job_rank, stage_rank, ordinal_rank "
      "LIMIT "
      "1",
      "SELECT 1 FROM tasks WHERE checkpoint = 'x' AND checkpoint <> ''",
      "SELECT 1 FROM task_outputs WHERE blob = 'x'",
      "SELECT 1 FROM tenant_blobs WHERE blob = 'x' AND tenant = 'y'",
      "SELECT sequence FROM tenant_models WHERE tenant = 'x' AND sequence < 9 ORDER BY sequence "
      "DESC LIMIT 10",
      "SELECT j.sequence FROM jobs j JOIN job_labels l ON l.sequence = j.sequence AND l.tenant = "
      "j.tenant AND l.name = 'x' AND l.value = 'y' WHERE j.tenant = 'x' AND j.sequence < 9 ORDER "
      "BY j.sequence DESC LIMIT 10",
      "SELECT id FROM datasets WHERE tenant = 'x' AND sequence < 9 ORDER BY sequence DESC LIMIT 10",
      "SELECT blob FROM tenant_blobs WHERE tenant = 'x' AND refs <= 0 LIMIT 10",
      "SELECT m.id FROM job_tasks jt JOIN models m ON m.task_key = jt.task_key WHERE jt.job_id = "
      "'x' "
      "AND jt.stage IN ('fit', 'align')",
      "SELECT DISTINCT j.id FROM job_tasks jt JOIN jobs j ON j.id = jt.job_id WHERE jt.task_key = "
      "'x' AND jt.open = 1",
      "UPDATE job_stages SET made = made + p.n FROM (SELECT job_id, stage, COUNT(*) AS n FROM "
      "job_tasks WHERE task_key = 'x' AND open = 1 GROUP BY job_id, stage) AS p WHERE "
      "job_stages.job_id = p.job_id AND job_stages.stage = p.stage"};
  if (TestServer::Wanted()) {
    Do([&](Sql& sql) {
      sql << "SET LOCAL enable_seqscan = off";  // then it scans where there is no other way
      for (const std::string& query : queries) {
        std::string step;
        soci::statement plan = (sql.prepare << "EXPLAIN " + query, soci::into(step));
        plan.execute();
        while (plan.fetch()) {
          EXPECT_EQ(step.find("Seq Scan"), std::string::npos) << query << ": " << step;
        }
      }
    });
    return;
  }
  Do([&](Sql& sql) {
    for (const std::string& query : queries) {
      soci::rowset<soci::row> plan = (sql.prepare << "EXPLAIN QUERY PLAN " + query);
      for (const soci::row& step : plan) {
        const auto detail = step.get<std::string>("detail");
        const bool scans = detail.starts_with("SCAN ") && detail != "SCAN p" &&
                           detail.find("INDEX tasks_queue") == std::string::npos;
        EXPECT_FALSE(scans) << query << ": " << detail;
      }
    }
  });
}

TEST_F(CatalogTasksTest, ATaskThatAnotherJobWantsIsNotUnwanted) {
  Do([&](WritingSql& sql) {
    JobRecord first = Job("first"), second = Job("second");
    InsertJob(sql, first, {});
    InsertJob(sql, second, {});
    InsertTask(sql, Task("shared"));
    InsertTask(sql, Task("own"));
    InsertJobStage(sql, "first", "fit", 0, 1);
    InsertJobStage(sql, "first", "align", 1, 1);
    InsertJobStage(sql, "second", "fit", 0, 1);
    Put(sql, "first", "fit", 0, "shared");
    Put(sql, "first", "align", 0, "own");
    Put(sql, "second", "fit", 0, "shared");
    EXPECT_THAT(JobsWaitingFor(sql, "shared"), ElementsAre("first", "second"));
    EXPECT_THAT(UnwantedTasks(sql, "first"), ElementsAre("own"));
    first.state = JobState::kCancelled;
    UpdateJob(sql, first);
    CloseJob(sql, "first");
    EXPECT_THAT(JobsWaitingFor(sql, "shared"), ElementsAre("second"));
    EXPECT_THAT(JobsWithTask(sql, kDefaultTenant, "shared", 10), ElementsAre("second", "first"));
    Move(sql, "shared", TaskState::kRunning);
    CloseTask(sql, "shared");
    EXPECT_TRUE(JobsWaitingFor(sql, "shared").empty());
    EXPECT_EQ(UnfinishedJobWithTask(sql, "shared"), "second");
  });
}

TEST_F(CatalogTasksTest, ATaskIsOpenAgainForUnfinishedJobsAlone) {
  Do([&](WritingSql& sql) {
    InsertTask(sql, Task("key"));
    for (const char* id : {"going", "done"}) {
      JobRecord job = Job(id);
      InsertJob(sql, job, {});
      InsertJobStage(sql, id, "fit", 0, 1);
      Put(sql, id, "fit", 0, "key");
    }
    TaskRecord task = FindTask(sql, "key").value();
    task.state = TaskState::kSucceeded;
    UpdateTask(sql, task);
    CloseTask(sql, "key");
    JobRecord done = FindJob(sql, "done").value();
    done.state = JobState::kSucceeded;
    UpdateJob(sql, done);
    ReopenTask(sql, "key");
    EXPECT_THAT(JobsWaitingFor(sql, "key"), testing::ElementsAre("going"));
    task.state = TaskState::kQueued;
    UpdateTask(sql, task);
    EXPECT_EQ(CountStages(sql, "going").front().succeeded, 0);
    EXPECT_EQ(CountStages(sql, "going").front().queued, 1);
    EXPECT_EQ(CountStages(sql, "done").front().succeeded, 1);
  });
}

}  // namespace
}  // namespace alignflow
