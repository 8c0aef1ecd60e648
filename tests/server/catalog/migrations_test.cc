#include "server/catalog/migrations.h"

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/catalog/catalog.h"
#include "server/catalog/datasets.h"
#include "server/catalog/jobs.h"
#include "server/catalog/queue.h"
#include "server/catalog/result_states.h"
#include "server/catalog/results.h"
#include "server/catalog/soci.h"
#include "server/catalog/tasks.h"
#include "tests/common/temp_folder.h"

namespace alignflow {
namespace {

using testing::ElementsAre;

// A catalog as the program of that version would have made it.
class OldCatalogTest : public testing::Test {
 protected:
  void MakeOld(int version, const std::vector<std::string>& statements) {
    Sql sql("sqlite3", "db=\"" + file_.string() + "\"");
    WritingSql writing(sql);
    ASSERT_EQ(Migrate(writing, version), absl::OkStatus());
    for (const std::string& statement : statements) sql << statement;
  }
  static std::string JobRow(const std::string& id, int sequence, const std::string& state) {
    return "INSERT INTO jobs VALUES ('" + id + "', " + std::to_string(sequence) + ", NULL, '" +
           state + "', 's', 'd', '', '', 'r', 64, 'unet-64', '{}', '[]', '', 1, 1, 0, 7, 1)";
  }
  static std::string TaskRow(const std::string& key, const std::string& kind,
                             const std::string& state, int pairs = 0) {
    return "INSERT INTO tasks (task_key, kind, settings, inputs, state, attempt, worker, "
           "lease_expires, reported, failures, losses, checkpoint, error, step, total, "
           "progress_values, note, pairs, queue_time, start_time, end_time) VALUES ('" +
           key + "', '" + kind + "', '{}', '{}', '" + state +
           "', 1, '', 0, '', 0, 0, '', '', 4, 8, '{}', '', " + std::to_string(pairs) + ", 1, 2, 3)";
  }
  static std::string PlaceRow(const std::string& job, const std::string& stage, int order,
                              int ordinal, const std::string& key) {
    return "INSERT INTO job_tasks VALUES ('" + job + "', '" + stage + "', " +
           std::to_string(ordinal) + ", " + std::to_string(order) + ", " + key + ", 0)";
  }
  // Opens it with this program, and looks.
  void Look(const std::function<void(Sql&)>& body) {
    const auto catalog = Catalog::Open(file_);
    ASSERT_TRUE(catalog.ok()) << catalog.status();
    ASSERT_EQ((*catalog)->Read([&](Sql& sql) {
      body(sql);
      return absl::OkStatus();
    }),
              absl::OkStatus());
  }

  TempFolder folder_;
  const std::filesystem::path file_ = folder_.path() / "catalog.sqlite";
};

TEST_F(OldCatalogTest, TheFirstVersionsPairsAreKept) {
  MakeOld(1, {TaskRow("key", "generate", "succeeded"),
              "INSERT INTO pairs VALUES ('key', 1, 'image', 'mask', '{}')"});
  Look([](Sql& sql) {
    const std::vector<PairRecord> pairs = PairsOfTask(sql, "key");
    ASSERT_EQ(pairs.size(), 1u);
    EXPECT_EQ(pairs[0].image, "image");
    EXPECT_EQ(pairs[0].left_out, "");
    EXPECT_EQ(FindTask(sql, "key")->pairs_left_out, 0);
  });
}

TEST_F(OldCatalogTest, TasksOfEarlierVersionsAreFoundByWhatTheyRead) {
  MakeOld(6,
          {TaskRow("prepare", "prepare", "succeeded"), TaskRow("fit", "fit", "queued"),
           R"(UPDATE tasks SET inputs = '{"dataset":"manifest"}' WHERE task_key = 'prepare')",
           R"(UPDATE tasks SET inputs = '{"a":"packed","b":"packed"}' WHERE task_key = 'fit')",
           "INSERT INTO task_outputs VALUES ('prepare', 'packed', 'packed')",
           "INSERT INTO datasets (id, sequence, digest, labels, item_count, size_bytes, "
           "smallest, largest, create_time) VALUES ('set', 1, 'manifest', '', 0, 0, '', '', 1)"});
  const auto catalog = Catalog::Open(file_);
  ASSERT_TRUE(catalog.ok()) << catalog.status();
  ASSERT_EQ((*catalog)->Transact([](WritingSql& sql) {
    std::string reads_packed;
    static_cast<Sql&>(sql) << "SELECT task_key FROM task_inputs WHERE blob = 'packed'",
        soci::into(reads_packed);
    EXPECT_EQ(reads_packed, "fit");
    EXPECT_EQ(ResultOfTask(sql, "prepare")->state, ResultState::kWhole);
    DeleteDataset(sql, "set");
    EXPECT_FALSE(ResultOfTask(sql, "prepare"));
    EXPECT_TRUE(OutputsOfTask(sql, "prepare").empty());
    return absl::OkStatus();
  }),
            absl::OkStatus());
}

TEST_F(OldCatalogTest, JobsWithAPlaceForEveryTaskAreCounted) {
  MakeOld(4,
          {JobRow("done", 1, "succeeded"), JobRow("going", 2, "running"),
           TaskRow("prepare", "prepare", "succeeded"), TaskRow("fit", "fit", "running"),
           TaskRow("shard", "generate", "queued"), PlaceRow("done", "prepare", 0, 0, "'prepare'"),
           PlaceRow("going", "prepare", 0, 0, "'prepare'"), PlaceRow("going", "fit", 1, 0, "'fit'"),
           PlaceRow("going", "generate", 2, 0, "'shard'"),
           PlaceRow("going", "generate", 2, 1, "NULL")});
  Look([](Sql& sql) {
    const std::vector<StageCount> going = CountStages(sql, "going");
    ASSERT_EQ(going.size(), 3u);
    EXPECT_EQ(going[0].succeeded, 1);
    EXPECT_EQ(going[1].running, 1);
    EXPECT_EQ(going[2].tasks, 2);
    EXPECT_EQ(going[2].made, 1);
    EXPECT_EQ(going[2].queued, 1);
    EXPECT_EQ(CountStages(sql, "done")[0].succeeded, 1);
    EXPECT_THAT(JobsWaitingFor(sql, "fit"), ElementsAre("going"));
    EXPECT_TRUE(JobsWaitingFor(sql, "prepare").empty());
    const TaskRecord next =
        NextQueuedTask(sql, kDefaultTenant, {}, [](const TaskRecord&) { return true; }).value();
    EXPECT_EQ(next.key, "shard");
    EXPECT_EQ(next.rank, (TaskRank{.turn = 2, .stage = 2, .ordinal = 0}));
    EXPECT_EQ(CountTasks(sql)[TaskState::kSucceeded], 1);
    const QueueLook queue = LookAtQueue(sql);
    EXPECT_THAT(queue.tasks, ElementsAre(testing::Pair(std::pair("generate", false), 1)));
    EXPECT_EQ(absl::ToUnixMicros(queue.oldest.at(false)), 1);
    EXPECT_EQ(CountJobs(sql)[JobState::kRunning], 1);
  });
}

}  // namespace
}  // namespace alignflow
