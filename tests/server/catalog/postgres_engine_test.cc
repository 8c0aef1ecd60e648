#include "server/catalog/postgres_engine.h"

#include <signal.h>

#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/catalog/datasets.h"
#include "server/catalog/jobs.h"
#include "server/catalog/migrations.h"
#include "server/catalog/owned_blobs.h"
#include "server/catalog/soci.h"
#include "server/catalog/tasks.h"
#include "tests/common/temp_folder.h"
#include "tests/server/test_database.h"

namespace alignflow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// A database of its own, whatever the other tests' catalogs are in.
class PostgresEngineTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!TestServer::Installed()) GTEST_SKIP() << "no PostgreSQL is installed";
    name_ = TestServer::Get().Create();
  }
  void TearDown() override {
    if (!name_.empty()) TestServer::Get().Drop(name_);
  }
  PostgresAddress Address() const { return TestServer::Get().AddressOf(name_); }
  absl::StatusOr<std::unique_ptr<Catalog>> Open(
      std::function<bool(const absl::Status&)> wait = nullptr,
      absl::Duration answer_limit = absl::Minutes(1)) const {
    return OpenPostgresCatalog(
        Address(), {.id = "", .new_id = "", .wait = std::move(wait), .answer_limit = answer_limit});
  }
  // The server's processes for connections of the database stop where they are, or go on.
  void SendToServers(int signal) const {
    Sql sql(soci::postgresql, TestServer::Get().AddressOf("postgres").connection);
    const soci::rowset<int> pids =
        (sql.prepare << "SELECT pid FROM pg_stat_activity WHERE datname = '" + name_ + "'");
    for (const int pid : pids) kill(pid, signal);
  }
  // Cuts the connections of the database, all but the one that does it.
  void CutConnections() const {
    TestServer::Get().Run(absl::StrCat(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '", name_,
        "'"));
  }
  // Whether who stands by lets the one before come back, as after each start of the server.
  static bool IsYoung(const absl::Status& reason) {
    if (std::string(reason.message()).find("just started") == std::string::npos) return false;
    absl::SleepFor(absl::Milliseconds(50));
    return true;
  }
  static absl::Status Insert(Catalog& catalog, const std::string& id) {
    return catalog.Transact([&](WritingSql& sql) {
      JobRecord job;
      job.id = id;
      InsertJob(sql, job, {});
      return absl::OkStatus();
    });
  }
  static bool Has(Catalog& catalog, const std::string& id) {
    bool found = false;
    EXPECT_EQ(catalog.Read([&](Sql& sql) {
      found = FindJob(sql, id).has_value();
      return absl::OkStatus();
    }),
              absl::OkStatus());
    return found;
  }

  std::string name_;
};

using Names = std::map<std::string, std::set<std::string>>;

Names Fetch(Sql& sql, const std::string& query) {
  std::string table, name;
  soci::statement select = (sql.prepare << query, soci::into(table), soci::into(name));
  select.execute();
  Names names;
  while (select.fetch()) names[table].insert(name);
  return names;
}

TEST_F(PostgresEngineTest, HasTheTablesColumnsAndIndicesOfSqlite) {
  const TempFolder folder;
  ASSERT_TRUE(Catalog::Open(folder.path() / "c").ok());
  Sql sqlite("sqlite3", "db=\"" + (folder.path() / "c").string() + "\"");
  Sql postgres(soci::postgresql, Address().connection);
  Names columns = Fetch(sqlite,
                        "SELECT t.name, c.name || (CASE WHEN c.\"notnull\" OR c.pk THEN '' ELSE "
                        "' null' END) || ' ' || c.pk FROM sqlite_master t, "
                        "pragma_table_info(t.name) c WHERE t.type = 'table'");
  Names theirs =
      Fetch(postgres,
            "SELECT c.table_name, c.column_name || (CASE c.is_nullable WHEN 'YES' THEN ' null' "
            "ELSE '' END) || ' ' || COALESCE(k.ordinal_position, 0) FROM "
            "information_schema.columns c LEFT JOIN (information_schema.table_constraints p JOIN "
            "information_schema.key_column_usage k USING (constraint_name, table_name)) ON "
            "p.constraint_type = 'PRIMARY KEY' AND p.table_name = c.table_name AND k.column_name = "
            "c.column_name WHERE c.table_schema = 'public'");
  EXPECT_EQ(theirs.erase("catalog_owner"), 1u);
  for (auto& [table, names] : theirs) names.erase("rowid 0");
  EXPECT_EQ(theirs, columns);
  const Names indices = Fetch(
      sqlite,
      "SELECT tbl_name, name FROM sqlite_master WHERE type = 'index' AND name NOT LIKE 'sqlite%'");
  Names their_indices = Fetch(postgres,
                              "SELECT tablename, indexname FROM pg_indexes WHERE schemaname = "
                              "'public' AND indexname NOT LIKE '%\\_pkey' AND indexname NOT LIKE "
                              "'%\\_key'");
  EXPECT_EQ(their_indices, indices);
  int version = SchemaVersion(postgres);
  EXPECT_EQ(version, NewestSchemaVersion());
}

TEST_F(PostgresEngineTest, NamesAreOrderedByTheirBytes) {
  const auto catalog = Open().value();
  for (const char* id : {"a", "B", "ä", "b", "A"})
    ASSERT_EQ(Insert(*catalog, id), absl::OkStatus());
  EXPECT_EQ(catalog->Read([](Sql& sql) {
    EXPECT_THAT(JobsAfter(sql, "", "", 10), ElementsAre("A", "B", "a", "b", "ä"));
    EXPECT_THAT(JobsAfter(sql, "", "B", 10), ElementsAre("a", "b", "ä"));
    return absl::OkStatus();
  }),
            absl::OkStatus());
}

TEST_F(PostgresEngineTest, AnErrorShowsNoValues) {
  const auto catalog = Open().value();
  ASSERT_EQ(Insert(*catalog, "secret-name"), absl::OkStatus());
  const absl::Status twice = Insert(*catalog, "secret-name");
  EXPECT_TRUE(absl::IsInternal(twice)) << twice;
  EXPECT_THAT(std::string(twice.message()), Not(HasSubstr("secret-name")));
  const absl::Status bytes = Insert(*catalog, "secret-\xff");
  EXPECT_FALSE(bytes.ok());
  EXPECT_THAT(std::string(bytes.message()), Not(HasSubstr("secret-")));
  EXPECT_EQ(Insert(*catalog, "another"), absl::OkStatus()) << "the connection is good again";
}

TEST_F(PostgresEngineTest, ASecondCoordinatorIsRefusedAndAThirdWaitsItsTurn) {
  auto first = Open().value();
  const absl::Status second = Open().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(second)) << second;
  EXPECT_THAT(std::string(second.message()), HasSubstr("--standby"));
  ASSERT_EQ(Insert(*first, "a"), absl::OkStatus());
  int waited = 0;
  const auto third = Open([&](const absl::Status& reason) {
    if (IsYoung(reason)) return true;
    EXPECT_THAT(std::string(reason.message()), HasSubstr("another coordinator"));
    if (++waited == 3) first.reset();
    return true;
  });
  ASSERT_TRUE(third.ok()) << third.status();
  EXPECT_GE(waited, 3);
  EXPECT_TRUE(Has(**third, "a"));
  EXPECT_TRUE(absl::IsCancelled(Open([](const absl::Status&) { return false; }).status()));
}

TEST_F(PostgresEngineTest, OneThatWasReplacedWhileItWasCutOffServesNoMore) {
  const auto first = Open().value();
  ASSERT_EQ(Insert(*first, "a"), absl::OkStatus());
  CutConnections();
  const auto second = Open().value();
  const absl::Status check = first->Check();
  EXPECT_TRUE(absl::IsAborted(check)) << check;
  EXPECT_TRUE(absl::IsUnavailable(Insert(*first, "b")));
  EXPECT_TRUE(absl::IsUnavailable(first->Read([](Sql&) { return absl::OkStatus(); })));
  EXPECT_FALSE(Has(*second, "b"));
  EXPECT_EQ(Insert(*second, "b"), absl::OkStatus());
  EXPECT_TRUE(absl::IsAborted(first->Check())) << "for good";
}

TEST_F(PostgresEngineTest, LostConnectionsComeBackByThemselves) {
  const auto catalog = Open().value();
  ASSERT_EQ(Insert(*catalog, "a"), absl::OkStatus());
  EXPECT_TRUE(Has(*catalog, "a"));
  CutConnections();
  EXPECT_EQ(Insert(*catalog, "b"), absl::OkStatus()) << "nothing had been sent yet";
  EXPECT_TRUE(Has(*catalog, "b"));
  EXPECT_EQ(catalog->Check(), absl::OkStatus());
}

TEST_F(PostgresEngineTest, AServerThatFallsSilentIsNotWaitedForForEver) {
  const auto catalog = Open(nullptr, absl::Milliseconds(10)).value();
  ASSERT_EQ(Insert(*catalog, "a"), absl::OkStatus());
  EXPECT_TRUE(Has(*catalog, "a"));
  SendToServers(SIGSTOP);
  EXPECT_TRUE(Has(*catalog, "a")) << "by another connection";
  const absl::Status change = Insert(*catalog, "b");
  EXPECT_TRUE(absl::IsUnavailable(change)) << change;
  SendToServers(SIGCONT);
  for (int i = 0; i < 1000 && absl::IsUnavailable(Insert(*catalog, "c")); ++i) {
    absl::SleepFor(absl::Milliseconds(20));
  }
  EXPECT_TRUE(Has(*catalog, "c"));
  EXPECT_FALSE(Has(*catalog, "b"));
}

TEST_F(PostgresEngineTest, AConnectionLostWithinAChangeLeavesNothingOfIt) {
  const auto catalog = Open().value();
  int told = 0;
  const auto change = [&](bool cut) {
    return catalog->Transact(
        [&](WritingSql& sql) {
          JobRecord job;
          job.id = "a";
          InsertJob(sql, job, {});
          if (cut) CutConnections();
          return absl::OkStatus();
        },
        [&] { ++told; });
  };
  const absl::Status lost = change(true);
  EXPECT_TRUE(absl::IsUnavailable(lost)) << lost;
  EXPECT_EQ(told, 0);
  EXPECT_FALSE(Has(*catalog, "a"));
  EXPECT_EQ(change(false), absl::OkStatus());
  EXPECT_EQ(told, 1);
}

TEST_F(PostgresEngineTest, WhileTheServerIsDownCallsSayThatItIs) {
  const auto catalog = Open().value();
  ASSERT_EQ(Insert(*catalog, "a"), absl::OkStatus());
  TestServer::Get().Stop();
  for (const absl::Status& status :
       {Insert(*catalog, "b"), catalog->Read([](Sql&) { return absl::OkStatus(); }),
        catalog->Check(), Open().status()}) {
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  }
  TestServer::Get().Start();
  // Not at once: attempts are some time apart.
  absl::Status status = catalog->Check();
  for (int i = 0; !status.ok() && i < 1000; ++i) {
    absl::SleepFor(absl::Milliseconds(20));
    status = catalog->Check();
  }
  EXPECT_EQ(status, absl::OkStatus());
  EXPECT_EQ(Insert(*catalog, "b"), absl::OkStatus());
}

TEST_F(PostgresEngineTest, OthersChangeItBesideTheCoordinator) {
  const auto change = [](WritingSql& sql) {
    JobRecord job;
    job.id = "beside";
    InsertJob(sql, job, {});
    return absl::OkStatus();
  };
  const auto catalog = Open().value();
  EXPECT_EQ(ChangePostgresCatalog(Address(), change), absl::OkStatus());
  EXPECT_TRUE(Has(*catalog, "beside"));
  EXPECT_EQ(catalog->Check(), absl::OkStatus()) << "that was no other coordinator";
}

TEST_F(PostgresEngineTest, ANewerSchemaIsLeftAlone) {
  Sql(soci::postgresql, Address().connection) << "INSERT INTO schema_version VALUES (10000)";
  const absl::Status status = Open().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("newer AlignFlow"));
}

TEST_F(PostgresEngineTest, ACatalogServesItsOwnStateFolderAlone) {
  const auto open = [&](const std::string& id, const std::string& fresh) {
    return OpenPostgresCatalog(Address(), {.id = id, .new_id = fresh, .wait = nullptr}).status();
  };
  EXPECT_TRUE(absl::IsFailedPrecondition(open("lost", "x"))) << "a new database for an old folder";
  EXPECT_EQ(open("", "mine"), absl::OkStatus());
  EXPECT_EQ(open("mine", ""), absl::OkStatus());
  EXPECT_TRUE(absl::IsFailedPrecondition(open("", "other")));
  EXPECT_TRUE(absl::IsFailedPrecondition(open("other", "")));
  // Also one that would wait for its turn, before that comes.
  const auto first =
      OpenPostgresCatalog(Address(), {.id = "mine", .new_id = "", .wait = nullptr}).value();
  const auto wait = [](const absl::Status& reason) {
    const bool young = IsYoung(reason);
    EXPECT_TRUE(young) << reason;
    return young;
  };
  EXPECT_TRUE(absl::IsFailedPrecondition(
      OpenPostgresCatalog(Address(), {.id = "other", .new_id = "", .wait = wait}).status()));
}

TEST_F(PostgresEngineTest, AWalkThroughTheQueueGoesBeyondItsFirstPage) {
  const auto catalog = Open().value();
  ASSERT_EQ(catalog->Transact([](WritingSql& sql) {
    for (int i = 0; i < 100; ++i) {
      TaskRecord task;
      task.key = absl::StrCat("key", i);
      task.spec.kind = "fit";
      task.rank.ordinal = i;
      InsertTask(sql, task);
    }
    int seen = 0;
    const auto last = [&](const TaskRecord& task) {
      EXPECT_EQ(task.rank.ordinal, seen++);
      return seen == 90;
    };
    EXPECT_EQ(NextQueuedTask(sql, kDefaultTenant, {}, last)->key, "key89");
    seen = 0;
    const auto none = [&](const TaskRecord&) { return ++seen < 0; };
    EXPECT_FALSE(NextQueuedTask(sql, kDefaultTenant, {}, none));
    EXPECT_EQ(seen, 100);
    return absl::OkStatus();
  }),
            absl::OkStatus());
}

}  // namespace
}  // namespace alignflow
