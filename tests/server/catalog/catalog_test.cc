#include "server/catalog/catalog.h"

#include <fstream>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/catalog/datasets.h"
#include "server/catalog/jobs.h"
#include "server/catalog/migrations.h"
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
  void Do(const std::function<void(Sql&)>& body) {
    ASSERT_EQ(catalog_->Transact([&](Sql& sql) {
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
  static JobTaskRecord Place(const std::string& stage, int order, int ordinal,
                             const std::string& key = "") {
    return {
        .stage = stage, .stage_order = order, .ordinal = ordinal, .task_key = key, .reused = false};
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
  Do([&](Sql& sql) {
    InsertTask(sql, Task("key"));
    UpdateTask(sql, task);
    SetOutputs(sql, "key", {{"model", "blob"}});
    SetPairs(sql, "key", {{1, "image", "mask", "{}", ""}});
  });
  Reopen();
  Do([&](Sql& sql) {
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
  Do([&](Sql& sql) {
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
  Do([&](Sql& sql) {
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
  EXPECT_TRUE(absl::IsAborted(catalog_->Transact([&](Sql& sql) {
    InsertTask(sql, Task("key"));
    return absl::AbortedError("no");
  })));
  EXPECT_TRUE(absl::IsInternal(catalog_->Transact([&](Sql& sql) {
    InsertTask(sql, Task("key"));
    sql << "INSERT INTO no_such_table VALUES (1)";
    return absl::OkStatus();
  })));
  Do([&](Sql& sql) { EXPECT_FALSE(FindTask(sql, "key").has_value()); });
}

TEST_F(CatalogTest, AReaderWaitsForNoWriterAndSeesWhatWasCommitted) {
  Do([](Sql& sql) { InsertTask(sql, Task("committed")); });
  Do([&](Sql& sql) {
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
  EXPECT_FALSE(catalog_
                   ->Read([](Sql& sql) {
                     InsertTask(sql, Task("key"));
                     return absl::OkStatus();
                   })
                   .ok());
  Do([](Sql& sql) { EXPECT_FALSE(FindTask(sql, "key").has_value()); });
}

TEST_F(CatalogTest, AReaderThatWasRefusedServesTheNext) {
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(absl::IsAborted(catalog_->Read([](Sql&) { return absl::AbortedError("no"); })));
  }
}

TEST_F(CatalogTest, TheOldestJobsFirstStageComesFirst) {
  Do([&](Sql& sql) {
    JobRecord older = Job("older"), newer = Job("newer");
    InsertJob(sql, older, {});
    InsertJob(sql, newer, {});
    for (const char* key : {"a", "b", "c", "d"}) InsertTask(sql, Task(key));
    const auto put = [&](const std::string& job, const JobTaskRecord& place) {
      InsertJobTask(sql, job, place);
      NameJobTask(sql, job, place);
    };
    put("newer", Place("fit", 0, 0, "a"));
    put("older", Place("compare", 4, 0, "b"));
    put("older", Place("generate", 3, 1, "c"));
    put("older", Place("generate", 3, 0, "d"));
  });
  std::vector<std::string> order;
  Do([&](Sql& sql) {
    while (const auto task = NextQueuedTask(sql, {}, [](const TaskRecord&) { return true; })) {
      order.push_back(task->key);
      TaskRecord running = *task;
      running.state = TaskState::kRunning;
      UpdateTask(sql, running);
    }
  });
  EXPECT_THAT(order, ElementsAre("d", "c", "b", "a"));
}

TEST_F(CatalogTest, ATaskThatAnotherJobWantsIsNotUnwanted) {
  Do([&](Sql& sql) {
    JobRecord first = Job("first"), second = Job("second");
    InsertJob(sql, first, {});
    InsertJob(sql, second, {});
    InsertTask(sql, Task("shared"));
    InsertTask(sql, Task("own"));
    for (const JobTaskRecord& place : {Place("fit", 0, 0, "shared"), Place("align", 1, 0, "own")}) {
      InsertJobTask(sql, "first", place);
      NameJobTask(sql, "first", place);
    }
    InsertJobTask(sql, "second", Place("fit", 0, 0));
    NameJobTask(sql, "second", Place("fit", 0, 0, "shared"));
    first.state = JobState::kCancelled;
    UpdateJob(sql, first);
    EXPECT_THAT(UnwantedTasks(sql, "first"), ElementsAre("own"));
    EXPECT_THAT(JobsWaitingFor(sql, "shared"), ElementsAre("second"));
    EXPECT_THAT(JobsWithTask(sql, "shared", 10), ElementsAre("second", "first"));
  });
}

TEST_F(CatalogTest, WhateverIsStoredAsABlobIsReferredTo) {
  Do([&](Sql& sql) {
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
    ForEachReferencedBlob(sql, [&](const std::string& blob) { blobs.insert(blob); });
    EXPECT_THAT(
        blobs, testing::UnorderedElementsAre("manifest", "image", "mask", "references", "reference",
                                             "checkpoint", "lines", "pair image", "pair mask"));
    EXPECT_TRUE(TasksReferTo(sql, "checkpoint"));
    EXPECT_TRUE(TasksReferTo(sql, "lines"));
    EXPECT_FALSE(TasksReferTo(sql, "image"));
    DeleteDataset(sql, "set");
    blobs.clear();
    ForEachReferencedBlob(sql, [&](const std::string& blob) { blobs.insert(blob); });
    EXPECT_FALSE(blobs.contains("image")) << "a dataset's items go with it";
  });
}

TEST_F(CatalogTest, CountsStagesByState) {
  Do([&](Sql& sql) {
    JobRecord job = Job("a");
    InsertJob(sql, job, {});
    for (int i = 0; i < 3; ++i) InsertJobTask(sql, "a", Place("generate", 3, i));
    InsertTask(sql, Task("key"));
    TaskRecord task = Task("key");
    task.state = TaskState::kSucceeded;
    task.progress = {.step = 4, .total = 8, .values = {}, .note = ""};
    task.pairs = 32;
    task.pairs_left_out = 3;
    task.failures = 1;
    task.losses = 1;
    task.start_time = kNow;
    task.end_time = kNow + absl::Seconds(5);
    UpdateTask(sql, task);
    NameJobTask(sql, "a", Place("generate", 3, 0, "key"));
    const std::vector<StageCount> counts = CountStages(sql, "a");
    ASSERT_EQ(counts.size(), 2u);
    const StageCount& done = counts[counts[0].named ? 0 : 1];
    const StageCount& open = counts[counts[0].named ? 1 : 0];
    EXPECT_EQ(open.tasks, 2);
    EXPECT_EQ(done.tasks, 1);
    EXPECT_EQ(done.state, TaskState::kSucceeded);
    EXPECT_EQ(done.step, 4);
    EXPECT_EQ(done.total, 8);
    EXPECT_EQ(done.pairs, 32);
    EXPECT_EQ(done.pairs_left_out, 3);
    EXPECT_EQ(done.retries, 2);
    EXPECT_EQ(done.start_time, kNow);
    EXPECT_EQ(done.end_time, kNow + absl::Seconds(5));
    EXPECT_FALSE(AllTasksDone(sql, "a"));
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
  Do([&](Sql& sql) {
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

TEST_F(CatalogTest, ACatalogOfTheFirstVersionKeepsItsPairs) {
  Do([](Sql& sql) {
    InsertTask(sql, Task("key"));
    SetPairs(sql, "key", {{1, "image", "mask", "{}", ""}});
    sql << "ALTER TABLE pairs DROP COLUMN left_out";
    sql << "ALTER TABLE tasks DROP COLUMN pairs_left_out";
    sql << "ALTER TABLE datasets DROP COLUMN mask_facts";
    sql << "ALTER TABLE dataset_items DROP COLUMN fingerprint";
    sql << "ALTER TABLE pairs DROP COLUMN view_image";
    sql << "ALTER TABLE pairs DROP COLUMN view_mask";
    for (const char* table : {"task_trials", "lease_ends", "closed_workers"}) {
      sql << "DROP TABLE " << table;
    }
    sql << "ALTER TABLE tasks DROP COLUMN model";
    sql << "DELETE FROM schema_version WHERE version > 1";
  });
  catalog_.reset();
  catalog_ = Catalog::Open(file_).value();
  Do([](Sql& sql) {
    const std::vector<PairRecord> pairs = PairsOfTask(sql, "key");
    ASSERT_EQ(pairs.size(), 1u);
    EXPECT_EQ(pairs[0].image, "image");
    EXPECT_EQ(pairs[0].left_out, "");
    EXPECT_EQ(FindTask(sql, "key")->pairs_left_out, 0);
  });
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
  const auto insert_many = [](Sql& sql) {
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
  Do([](Sql& sql) {
    InsertTask(sql, Task("key"));
    ModelRecord model;
    model.id = "model";
    model.task_key = "key";
    model.weights = "first";
    InsertModel(sql, model);
    model.weights = "second";
    InsertModel(sql, model);
    EXPECT_EQ(FindModel(sql, "model")->weights, "second");
    EXPECT_EQ(ListModels(sql, 1000, 10).size(), 1u);
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
