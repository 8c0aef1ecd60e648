#include "server/catalog/catalog.h"

#include <map>
#include <type_traits>

#include "gtest/gtest.h"
#include "server/catalog/queue.h"
#include "server/catalog/soci.h"
#include "tests/server/catalog/catalog_fixture.h"

namespace alignflow {
namespace {

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

TEST_F(CatalogTest, WhoWaitsForItsTurnIsObserved) {
  std::map<Catalog::Wait, int> waits, failures;
  catalog_->set_observer([&](Catalog::Wait kind, absl::Duration wait, bool failed) {
    EXPECT_GE(wait, absl::ZeroDuration());
    ++waits[kind];
    failures[kind] += failed ? 1 : 0;
  });
  EXPECT_EQ(catalog_->Transact([](WritingSql&) { return absl::OkStatus(); }), absl::OkStatus());
  EXPECT_FALSE(catalog_->Transact([](WritingSql&) { return absl::CancelledError("no"); }).ok());
  EXPECT_EQ(catalog_->Read([](Sql&) { return absl::OkStatus(); }), absl::OkStatus());
  EXPECT_EQ(waits[Catalog::Wait::kWrite], 2);
  EXPECT_EQ(waits[Catalog::Wait::kRead], 1);
  EXPECT_EQ(failures[Catalog::Wait::kWrite], 0) << "what the body says is no failure of its";
  EXPECT_FALSE(catalog_
                   ->Read([](Sql& sql) {
                     sql << "SELECT * FROM nothing";
                     return absl::OkStatus();
                   })
                   .ok());
  EXPECT_EQ(failures[Catalog::Wait::kRead], 1);
}

TEST_F(CatalogTest, TheQueueIsCountedByKindAndByWhetherAModelIsNeeded) {
  Do([&](WritingSql& sql) {
    EXPECT_TRUE(LookAtQueue(sql).oldest.empty());
    for (int i = 0; i < 3; ++i) {
      TaskRecord task = Task("plain" + std::to_string(i));
      task.queue_time = kNow + absl::Seconds(3 - i);
      InsertTask(sql, task);
    }
    TaskRecord large = Task("large");
    large.spec.settings["weights"] = "sd";
    InsertTask(sql, large);
  });
  const auto look = [&] {
    QueueLook queue;
    EXPECT_TRUE(catalog_
                    ->Read([&](Sql& sql) {
                      queue = LookAtQueue(sql);
                      return absl::OkStatus();
                    })
                    .ok());
    return queue;
  };
  const std::pair<std::string, bool> plain{"fit", false}, large{"fit", true};
  EXPECT_EQ(look().tasks[plain], 3);
  EXPECT_EQ(look().tasks[large], 1);
  EXPECT_EQ(look().oldest[false], kNow + absl::Seconds(1));
  EXPECT_EQ(look().oldest[true], kNow);
  Do([&](WritingSql& sql) {
    Move(sql, "plain2", TaskState::kRunning);
    Move(sql, "large", TaskState::kRunning);
    Move(sql, "large", TaskState::kSucceeded);
  });
  EXPECT_EQ(look().tasks[plain], 2);
  EXPECT_EQ(look().tasks[large], 0);
  EXPECT_EQ(look().oldest[false], kNow + absl::Seconds(2));
  EXPECT_FALSE(look().oldest.contains(true));
  Do([&](WritingSql& sql) {
    Move(sql, "large", TaskState::kQueued);
    static_cast<Sql&>(sql) << "DELETE FROM tasks WHERE task_key LIKE 'plain%'";
  });
  EXPECT_EQ(look().tasks[plain], 0);
  EXPECT_EQ(look().tasks[large], 1);
}

}  // namespace
}  // namespace alignflow
