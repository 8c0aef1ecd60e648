#ifndef ALIGNFLOW_TESTS_SERVER_CATALOG_CATALOG_FIXTURE_H_
#define ALIGNFLOW_TESTS_SERVER_CATALOG_CATALOG_FIXTURE_H_

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "server/catalog/catalog.h"
#include "server/catalog/jobs.h"
#include "server/catalog/tasks.h"
#include "tests/common/temp_folder.h"
#include "tests/server/test_database.h"

namespace alignflow {

// A catalog of the test's own.
class CatalogTest : public testing::Test {
 protected:
  static constexpr absl::Time kNow = absl::FromUnixSeconds(1000000);

  void SetUp() override { Reopen(); }
  void Reopen() {
    catalog_.reset();
    catalog_ = place_.Open();
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
  const TestCatalog place_{file_};
  std::unique_ptr<Catalog> catalog_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_TESTS_SERVER_CATALOG_CATALOG_FIXTURE_H_
