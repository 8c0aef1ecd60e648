#ifndef ALIGNFLOW_SERVER_CATALOG_CATALOG_H_
#define ALIGNFLOW_SERVER_CATALOG_CATALOG_H_

#include <filesystem>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace soci {
class session;
}

namespace alignflow {

// The connection that the table functions (datasets.h, jobs.h, tasks.h, results.h) work on. They
// are called within Catalog::Transact or CatalogReader::Read only, and throw soci::soci_error,
// which both catch.
using Sql = soci::session;

// The one that writes, which functions that change a table ask for. Those who have a transaction
// that may write make one: Transact, and ChangeCatalogFile (catalog_file.h).
class WritingSql {
 public:
  explicit WritingSql(Sql& sql) : sql_(sql) {}
  operator Sql&() { return sql_; }

 private:
  Sql& sql_;
};

// How the catalog is looked at without being changed: all that services have of it. Thread-safe.
class CatalogReader {
 public:
  virtual ~CatalogReader() = default;

  // Runs `body` on a connection that can't write. It sees what was committed before, all through;
  // it waits for no writer, and none waits for it. Returns body's status, or DataLoss, Unavailable
  // or Internal.
  // `body` must not call Read.
  virtual absl::Status Read(const std::function<absl::Status(Sql&)>& body) = 0;
};

class CatalogEngine;

// What the coordinator knows: datasets, jobs, tasks, results, in one SQLite file or a PostgreSQL
// database (postgres_engine.h). The only truth: after a kill, whatever was committed is there.
// Thread-safe; one transaction that writes runs at a time, beside any that read.
class Catalog final : public CatalogReader {
 public:
  // Opens or creates the file and brings its schema up to date; what an earlier version wrote is
  // copied beside it before, as FILE.before-upgrade-from-VERSION. DataLoss if it is damaged,
  // FailedPrecondition if it can't be written or a newer AlignFlow wrote it, each naming the file
  // and the remedy.
  static absl::StatusOr<std::unique_ptr<Catalog>> Open(const std::filesystem::path& file);
  explicit Catalog(std::unique_ptr<CatalogEngine> engine);
  ~Catalog() override;

  // Runs `body` in a transaction: commits if it returns OK, otherwise leaves everything as it was.
  // Returns body's status, or ResourceExhausted (disk full), DataLoss (damaged file), Unavailable
  // (the database server does not answer; nothing was committed) or Internal.
  // `body` must not call Transact. `committed` is called after the commit and before the next
  // transaction.
  absl::Status Transact(
      const std::function<absl::Status(WritingSql&)>& body,
      const std::function<void()>& committed = [] {});

  absl::Status Read(const std::function<absl::Status(Sql&)>& body) override;

  // Called after each of them with the time that it waited for its turn, also if that is none, and
  // whether the database failed it. To be set before the catalog is shared.
  enum class Wait { kWrite, kRead };
  using Observer = std::function<void(Wait, absl::Duration, bool failed)>;
  void set_observer(Observer observer) { observe_ = std::move(observer); }

  // Called in each transaction that writes once `body` has returned OK: an error, or an exception
  // of SQL's, leaves everything as it was. To be set before the catalog is shared.
  void set_before_commit(std::function<absl::Status(WritingSql&)> hook) {
    before_commit_ = std::move(hook);
  }

  // Whether it can be used: Unavailable while its database server does not answer, which passes;
  // Aborted once the catalog may be another coordinator's, which does not: what this process
  // remembers of it may be wrong. Asks the server.
  absl::Status Check();

  // Removes what is left of deleted rows beside the file: the journal, and the copies from before
  // upgrades. Does what it can while others read; Internal if it fails. A database server's are its
  // own business.
  absl::Status ForgetDeleted();

 private:
  const std::unique_ptr<CatalogEngine> engine_;
  Observer observe_ = [](Wait, absl::Duration, bool) {};
  std::function<absl::Status(WritingSql&)> before_commit_ = [](WritingSql&) {
    return absl::OkStatus();
  };
  absl::Mutex write_mutex_;
  absl::Mutex read_mutex_;
  std::vector<int> free_readers_ ABSL_GUARDED_BY(read_mutex_);
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_CATALOG_H_
