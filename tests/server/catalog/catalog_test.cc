#include "server/catalog/catalog.h"

#include <fstream>
#include <map>
#include <set>
#include <type_traits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/catalog/datasets.h"
#include "server/catalog/jobs.h"
#include "server/catalog/migrations.h"
#include "server/catalog/result_states.h"
#include "server/catalog/results.h"
#include "server/catalog/soci.h"
#include "server/catalog/tasks.h"
#include "tests/common/temp_folder.h"

namespace alignflow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1000000);

class CatalogTest : public testing::Test {
 protected:
  void SetUp() override { Reopen(); }
  void Reopen() {
    catalog_.reset();
    catalog_ = Catalog::Open(file_).value();
  }
  void Do(const std::function<void(WritingSql&)>& body) {
    ASSERT_EQ(catalog_->Transact([&](WritingSql& sql) {
      body(sql);
      return absl::OkStatus();
    }),
              absl::OkStatus());
  }
  static JobRecord Job(const std::string& id) {
    JobRecord job;
    job.id = id;
    job.source = "polyps";
    job.pairs = 3;
    job.settings = {{"seed", "7"}};
    job.warnings = {"careful"};
    job.create_time = kNow;
    return job;
  }
  static TaskRecord Task(const std::string& key) {
    TaskRecord task;
    task.key = key;
    task.spec = {.kind = "fit", .settings = {{"seed", "7"}}, .inputs = {{"source", "digest"}}};
    task.queue_time = kNow;
    return task;
  }
  // Puts a task at a place of the job, whose stage must be there.
  static void Put(WritingSql& sql, const std::string& job, const std::string& stage, int ordinal,
                  const std::string& key, bool reused = false) {
    InsertJobTask(sql, job,
                  {.stage = stage, .ordinal = ordinal, .task_key = key, .reused = reused});
  }
  static void Move(WritingSql& sql, const std::string& key, TaskState state) {
    TaskRecord task = FindTask(sql, key).value();
    task.state = state;
    UpdateTask(sql, task);
  }

  TempFolder folder_;
  const std::filesystem::path file_ = folder_.path() / "catalog.sqlite";
  std::unique_ptr<Catalog> catalog_;
};

TEST_F(CatalogTest, ATaskIsAfterReopeningWhatItWasBefore) {
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

TEST_F(CatalogTest, AJobIsAfterReopeningWhatItWasBefore) {
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

TEST_F(CatalogTest, AFailedTransactionLeavesNothing) {
  EXPECT_TRUE(absl::IsAborted(catalog_->Transact([&](WritingSql& sql) {
    InsertTask(sql, Task("key"));
    return absl::AbortedError("no");
  })));
  EXPECT_TRUE(absl::IsInternal(catalog_->Transact([&](WritingSql& sql) {
    InsertTask(sql, Task("key"));
    Sql& connection = sql;
    connection << "INSERT INTO no_such_table VALUES (1)";
    return absl::OkStatus();
  })));
  Do([&](WritingSql& sql) { EXPECT_FALSE(FindTask(sql, "key").has_value()); });
}

TEST_F(CatalogTest, AReaderWaitsForNoWriterAndSeesWhatWasCommitted) {
  Do([](WritingSql& sql) { InsertTask(sql, Task("committed")); });
  Do([&](WritingSql& sql) {
    InsertTask(sql, Task("not yet"));
    ASSERT_EQ(catalog_->Read([](Sql& reader) {
      EXPECT_TRUE(FindTask(reader, "committed").has_value());
      EXPECT_FALSE(FindTask(reader, "not yet").has_value());
      return absl::OkStatus();
    }),
              absl::OkStatus());
  });
}

TEST_F(CatalogTest, AReaderCannotWrite) {
  // What changes a table asks for a connection that a reader is never given...
  static_assert(!std::is_invocable_v<decltype(InsertTask), Sql&, const TaskRecord&>);
  static_assert(!std::is_invocable_v<decltype(InsertTask), const Sql&, const TaskRecord&>);
  // ...and the connection itself refuses.
  EXPECT_FALSE(catalog_
                   ->Read([](Sql& sql) {
                     WritingSql forged(sql);
                     InsertTask(forged, Task("key"));
                     return absl::OkStatus();
                   })
                   .ok());
  Do([](WritingSql& sql) { EXPECT_FALSE(FindTask(sql, "key").has_value()); });
}

TEST_F(CatalogTest, AReaderThatWasRefusedServesTheNext) {
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(absl::IsAborted(catalog_->Read([](Sql&) { return absl::AbortedError("no"); })));
  }
}

TEST_F(CatalogTest, TheQueuedTaskOfTheLeastRankComesFirst) {
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
TEST_F(CatalogTest, NothingThatAWorkerWaitsForScansATable) {
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

TEST_F(CatalogTest, ATaskThatAnotherJobWantsIsNotUnwanted) {
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

TEST_F(CatalogTest, WhateverIsStoredAsABlobIsReferredTo) {
  Do([&](WritingSql& sql) {
    DatasetRecord dataset;
    dataset.id = "set";
    dataset.digest = "manifest";
    InsertDataset(sql, dataset, {{"image", "mask", ""}});
    JobRecord job = Job("a");
    job.references_digest = "references";
    InsertJob(sql, job, {{"stem", "reference", 5}});
    InsertTask(sql, Task("key"));
    TaskRecord task = Task("key");
    task.checkpoint = "checkpoint";
    UpdateTask(sql, task);
    SetOutputs(sql, "key", {{"pairs", "lines"}});
    SetPairs(sql, "key", {{1, "pair image", "pair mask", "{}", ""}});
    std::multiset<std::string> blobs;
    const auto visit = [&](const std::string& blob) { blobs.insert(blob); };
    for (ReferenceCursor cursor; VisitReferences(sql, 1, cursor, visit);) {
    }
    EXPECT_THAT(
        blobs, testing::UnorderedElementsAre("manifest", "image", "mask", "references", "reference",
                                             "checkpoint", "lines", "pair image", "pair mask"));
    EXPECT_TRUE(TasksReferTo(sql, "checkpoint"));
    EXPECT_TRUE(TasksReferTo(sql, "lines"));
    EXPECT_FALSE(TasksReferTo(sql, "image"));
    DeleteDataset(sql, "set");
    blobs.clear();
    for (ReferenceCursor cursor; VisitReferences(sql, 100, cursor, visit);) {
    }
    EXPECT_FALSE(blobs.contains("image")) << "a dataset's items go with it";
  });
}

TEST_F(CatalogTest, ADatasetTakesAlongTheResultsThatHoldItsImages) {
  Do([&](WritingSql& sql) {
    for (const char* set : {"mine", "other"}) {
      DatasetRecord dataset;
      dataset.id = set;
      dataset.digest = std::string(set) + " manifest";
      InsertDataset(sql, dataset, {});
    }
    const auto done = [&](const std::string& key, const std::string& kind, const std::string& input,
                          const std::string& role) {
      TaskRecord task = Task(key);
      task.spec.kind = kind;
      task.spec.inputs = {{"input", input}};
      InsertTask(sql, task);
      SetOutputs(sql, key, {{role, key + " blob"}});
      SetResult(sql, key, {}, kNow);
    };
    done("prepare", "prepare", "mine manifest", "packed");
    done("describe", "describe", "prepare blob", "statistics");
    done("fit", "fit", "prepare blob", "model");
    done("other prepare", "prepare", "other manifest", "packed");
    done("other describe", "describe", "other prepare blob", "statistics");
    DeleteDataset(sql, "mine");
    for (const char* key : {"prepare", "describe"}) {
      EXPECT_TRUE(OutputsOfTask(sql, key).empty()) << key;
      EXPECT_FALSE(ResultOfTask(sql, key)) << key << " must not count as whole";
    }
    for (const char* key : {"fit", "other prepare", "other describe"}) {
      EXPECT_FALSE(OutputsOfTask(sql, key).empty()) << key;
      EXPECT_EQ(ResultOfTask(sql, key)->state, ResultState::kWhole) << key;
    }
    SetResult(sql, "other prepare", {.state = ResultState::kBad, .reason = "blurred"}, kNow);
    DeleteDataset(sql, "other");
    EXPECT_EQ(ResultOfTask(sql, "other prepare")->state, ResultState::kBad);
    Sql& session = sql;
    int64_t inputs = 0;
    session << "DELETE FROM tasks";
    session << "SELECT COUNT(*) FROM task_inputs", soci::into(inputs);
    EXPECT_EQ(inputs, 0);
  });
}

TEST_F(CatalogTest, WhoWaitsForItsTurnIsObserved) {
  std::map<Catalog::Wait, int> waits;
  catalog_->set_wait_observer([&](Catalog::Wait kind, absl::Duration wait) {
    EXPECT_GE(wait, absl::ZeroDuration());
    ++waits[kind];
  });
  EXPECT_EQ(catalog_->Transact([](WritingSql&) { return absl::OkStatus(); }), absl::OkStatus());
  EXPECT_FALSE(catalog_->Transact([](WritingSql&) { return absl::CancelledError("no"); }).ok());
  EXPECT_EQ(catalog_->Read([](Sql&) { return absl::OkStatus(); }), absl::OkStatus());
  EXPECT_EQ(waits[Catalog::Wait::kWrite], 2);
  EXPECT_EQ(waits[Catalog::Wait::kRead], 1);
}

TEST_F(CatalogTest, ATaskIsOpenAgainForUnfinishedJobsAlone) {
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

TEST_F(CatalogTest, AStageIsCountedAsItsTasksMove) {
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

TEST_F(CatalogTest, AReusedTaskBringsItsPairsAndNeitherTimesNorRetries) {
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

TEST_F(CatalogTest, JobsAndTasksAreCountedByState) {
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

TEST_F(CatalogTest, ADamagedFileIsNamedWithTheRemedy) {
  catalog_.reset();
  std::ofstream(file_, std::ios::binary) << std::string(8192, 'x');
  const absl::Status status = Catalog::Open(file_).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(file_.string()));
  EXPECT_THAT(std::string(status.message()), HasSubstr("backup"));
}

TEST_F(CatalogTest, APageOfRubbishInAGoodFileIsFoundAtTheStart) {
  Do([&](WritingSql& sql) {
    for (int i = 0; i < 500; ++i) InsertTask(sql, Task("key" + std::to_string(i)));
  });
  catalog_.reset();
  {
    std::fstream file(file_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096 * 3);
    file << std::string(4096 * 3, '\xff');
  }
  EXPECT_TRUE(absl::IsDataLoss(Catalog::Open(file_).status()));
}

TEST_F(CatalogTest, AFolderThatIsNotThereIsNamed) {
  const absl::Status status = Catalog::Open(folder_.path() / "no" / "catalog.sqlite").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
}

TEST_F(CatalogTest, ANewerSchemaIsLeftAlone) {
  Do([&](Sql& sql) {
    const int newer = NewestSchemaVersion() + 1;
    sql << "INSERT INTO schema_version (version) VALUES (:version)", soci::use(newer);
  });
  catalog_.reset();
  const absl::Status status = Catalog::Open(file_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("newer AlignFlow"));
}

TEST_F(CatalogTest, AFullDiskIsSaidAndOvercome) {
  Do([](Sql& sql) {
    int pages = 0;
    sql << "PRAGMA page_count", soci::into(pages);
    sql << "PRAGMA max_page_count=" << pages;
  });
  const auto insert_many = [](WritingSql& sql) {
    for (int i = 0; i < 1000; ++i) InsertTask(sql, Task("key" + std::to_string(i)));
    return absl::OkStatus();
  };
  const absl::Status full = catalog_->Transact(insert_many);
  EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
  EXPECT_THAT(std::string(full.message()), HasSubstr("free space"));
  Do([](Sql& sql) {
    EXPECT_FALSE(FindTask(sql, "key0").has_value());
    sql << "PRAGMA max_page_count=1000000";
  });
  EXPECT_EQ(catalog_->Transact(insert_many), absl::OkStatus());
}

TEST_F(CatalogTest, AModelMadeAgainHasItsNewWeights) {
  Do([](WritingSql& sql) {
    InsertTask(sql, Task("key"));
    static_cast<Sql&>(sql) << "INSERT INTO task_tenants VALUES ('key', 'default')";
    ModelRecord model;
    model.id = "model";
    model.task_key = "key";
    model.weights = "first";
    InsertModel(sql, model);
    model.weights = "second";
    InsertModel(sql, model);
    EXPECT_EQ(FindModel(sql, "model")->weights, "second");
    EXPECT_EQ(ListModels(sql, kDefaultTenant, 1000, 10).size(), 1u);
  });
}

TEST_F(CatalogTest, APathWithASpaceIsFine) {
  const std::filesystem::path folder = folder_.path() / "my state; db=x";
  std::filesystem::create_directory(folder);
  ASSERT_TRUE(Catalog::Open(folder / "catalog.sqlite").ok());
  EXPECT_TRUE(std::filesystem::exists(folder / "catalog.sqlite"));
}

}  // namespace
}  // namespace alignflow
