#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/catalog/datasets.h"
#include "server/catalog/jobs.h"
#include "server/catalog/result_states.h"
#include "server/catalog/results.h"
#include "server/catalog/soci.h"
#include "tests/server/catalog/catalog_fixture.h"

namespace alignflow {
namespace {

class CatalogResultsTest : public CatalogTest {};

TEST_F(CatalogResultsTest, WhateverIsStoredAsABlobIsReferredTo) {
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

TEST_F(CatalogResultsTest, ADatasetTakesAlongTheResultsThatHoldItsImages) {
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

TEST_F(CatalogResultsTest, AModelMadeAgainHasItsNewWeights) {
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

}  // namespace
}  // namespace alignflow
