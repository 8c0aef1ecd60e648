#include "server/catalog/catalog.h"

#include <map>
#include <type_traits>

#include "gtest/gtest.h"
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

}  // namespace
}  // namespace alignflow
