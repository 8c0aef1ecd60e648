#ifndef ALIGNFLOW_TESTS_SERVER_TEST_DATABASE_H_
#define ALIGNFLOW_TESTS_SERVER_TEST_DATABASE_H_

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/process.h"
#include "gtest/gtest.h"
#include "server/catalog/catalog.h"
#include "server/catalog/catalog_file.h"
#include "server/catalog/postgres_engine.h"
#include "server/catalog/soci.h"
#include "tests/common/temp_folder.h"

// The test's catalogs are in PostgreSQL: what is SQLite's alone is left out.
#define SKIP_ON_POSTGRES(why) \
  if (TestServer::Wanted()) GTEST_SKIP() << "on PostgreSQL: " << (why)

namespace alignflow {

// A PostgreSQL server for the tests of this process, on a socket in a folder of its own. With
// ALIGNFLOW_TEST_CATALOG=postgresql in the environment tests keep their catalogs in it.
class TestServer {
 public:
  static bool Wanted() {
    const char* wanted = std::getenv("ALIGNFLOW_TEST_CATALOG");
    return wanted != nullptr && std::string(wanted) == "postgresql";
  }
  static bool Installed() { return !ProgramsOf().empty(); }
  // Set before the first Get: changes are on the disk once they are made, which tests need not
  // have.
  static inline bool durable = false;
  static TestServer& Get() {
    static TestServer server;
    return server;
  }
  ~TestServer() {
    if (server_) Stop();
  }

  PostgresAddress AddressOf(const std::string& database) const {
    return ParsePostgresUrl(absl::StrCat("postgresql://alignflow@/", database, "?host=", socket()))
        .value();
  }
  // A database with the schema and nothing in it, for the test alone.
  std::string Create() {
    if (!free_.empty()) {
      const std::string name = free_.back();
      free_.pop_back();
      return name;
    }
    const std::string name = absl::StrCat("test_", ++databases_);
    Run(absl::StrCat("CREATE DATABASE ", name, " TEMPLATE made"));
    return name;
  }
  // Empties it for the next test: that takes a tenth of the time of making one.
  void Drop(const std::string& name) {
    Run(absl::StrCat(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '", name,
        "'"));
    try {
      Sql sql(soci::postgresql, AddressOf(name).connection);
      sql << "CALL begin_anew()";
      free_.push_back(name);
    } catch (const std::exception&) {
      // A test has dropped tables.
      Run(absl::StrCat("DROP DATABASE ", name, " WITH (FORCE)"));
    }
  }
  // By the server's owner, on no test's database.
  void Run(const std::string& statement) {
    Sql sql(soci::postgresql, AddressOf("postgres").connection);
    sql << statement;
  }

  // As a failover or an administrator would: connections are cut.
  void Stop() {
    std::system(absl::StrCat(as_owner_, bin_.string(), "/pg_ctl stop -m immediate -w -D ", data(),
                             " >/dev/null 2>&1")
                    .c_str());
    server_.reset();
  }
  void Start() {
    server_ =
        ChildProcess::Spawn({"/bin/sh", "-c",
                             absl::StrCat("exec ", as_owner_, bin_.string(), "/postgres -D ",
                                          data(), " -k ", socket(), " -c listen_addresses= ",
                                          durable ? "" : "-c fsync=off -c full_page_writes=off ",
                                          "-c max_connections=200 >>", socket(), "/log 2>&1")})
            .value();
    for (int i = 0; i < 200; ++i) {
      try {
        Run("SELECT 1");
        return;
      } catch (const std::exception&) {
        absl::SleepFor(absl::Milliseconds(50));
      }
    }
    throw std::runtime_error("PostgreSQL does not start: " + ReadFile(socket() + "/log"));
  }

 private:
  TestServer() {
    if (bin_.empty()) throw std::runtime_error("no PostgreSQL is installed: run scripts/setup.sh");
    if (geteuid() == 0) {
      // PostgreSQL refuses root.
      const passwd* owner =
          getpwnam("postgres") != nullptr ? getpwnam("postgres") : getpwnam("nobody");
      if (chown(folder_.path().c_str(), owner->pw_uid, owner->pw_gid) != 0) {
        throw std::runtime_error("chown");
      }
      as_owner_ = absl::StrCat("setpriv --reuid=", owner->pw_uid, " --regid=", owner->pw_gid,
                               " --clear-groups --pdeathsig TERM ");
    }
    // Names are ordered by a language's rules unless the schema says otherwise.
    const int made = std::system(
        absl::StrCat("cd / && ", as_owner_, bin_.string(), "/initdb -D ", data(),
                     " -U alignflow --auth=trust -E UTF8 --locale-provider=icu --icu-locale=en-US "
                     "--locale=C.UTF-8 --no-sync --no-instructions >",
                     socket(), "/initdb.log 2>&1")
            .c_str());
    if (made != 0) throw std::runtime_error("initdb: " + ReadFile(socket() + "/initdb.log"));
    Start();
    Run("CREATE DATABASE made");
    const absl::Status status =
        ChangePostgresCatalog(AddressOf("made"), [](WritingSql&) { return absl::OkStatus(); });
    if (!status.ok()) throw std::runtime_error(std::string(status.message()));
    Sql sql(soci::postgresql, AddressOf("made").connection);
    sql << kBeginAnew;
    sql << "CALL keep_first_rows()";
  }
  // The newest version's folder of programs; empty if none is installed.
  static std::filesystem::path ProgramsOf() {
    std::filesystem::path newest;
    std::error_code none;
    for (const auto& version : std::filesystem::directory_iterator("/usr/lib/postgresql", none)) {
      const std::filesystem::path programs = version.path() / "bin";
      if (std::filesystem::exists(programs / "initdb")) newest = std::max(newest, programs);
    }
    return newest;
  }
  std::string socket() const { return folder_.path().string(); }
  std::string data() const { return socket() + "/data"; }

  // Keeps the rows that the schema begins with, and goes back to them, whatever triggers there are.
  static constexpr char kBeginAnew[] = R"(
    CREATE SCHEMA first;
    CREATE PROCEDURE keep_first_rows() LANGUAGE plpgsql AS $$
    DECLARE t text;
    BEGIN
      FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('CREATE TABLE first.%I AS TABLE public.%I', t, t);
      END LOOP;
    END $$;
    CREATE PROCEDURE begin_anew() LANGUAGE plpgsql AS $$
    DECLARE t text;
    BEGIN
      SET LOCAL session_replication_role = replica;
      FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'first' LOOP
        EXECUTE format('DELETE FROM public.%I', t);
        EXECUTE format('INSERT INTO public.%I SELECT * FROM first.%I', t, t);
      END LOOP;
    END $$)";

  TempFolder folder_;
  const std::filesystem::path bin_ = ProgramsOf();
  std::string as_owner_;
  std::optional<ChildProcess> server_;
  int databases_ = 0;
  std::vector<std::string> free_;
};

// Where a test's catalog is: in a file, or in a database of its own.
class TestCatalog {
 public:
  explicit TestCatalog(std::filesystem::path file) : file_(std::move(file)) {
    if (!TestServer::Wanted()) return;
    name_ = TestServer::Get().Create();
    database_ = TestServer::Get().AddressOf(name_);
  }
  ~TestCatalog() {
    if (database_) TestServer::Get().Drop(name_);
  }
  TestCatalog(const TestCatalog&) = delete;
  TestCatalog& operator=(const TestCatalog&) = delete;

  const std::optional<PostgresAddress>& database() const { return database_; }

  std::unique_ptr<Catalog> Open() const {
    if (!database_) return Catalog::Open(file_).value();
    return OpenPostgresCatalog(*database_, {.id = "", .new_id = "", .wait = nullptr}).value();
  }
  // Beside the catalog.
  absl::Status Change(const std::function<absl::Status(WritingSql&)>& body) const {
    return database_ ? ChangePostgresCatalog(*database_, body) : ChangeCatalogFile(file_, body);
  }
  // A connection beside the catalog's.
  std::unique_ptr<Sql> Connect() const {
    if (database_) return std::make_unique<Sql>(soci::postgresql, database_->connection);
    auto sql = std::make_unique<Sql>("sqlite3", "db=\"" + file_.string() + "\"");
    *sql << "PRAGMA busy_timeout=5000";
    return sql;
  }

 private:
  const std::filesystem::path file_;
  std::string name_;
  std::optional<PostgresAddress> database_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_TESTS_SERVER_TEST_DATABASE_H_
