#ifndef ALIGNFLOW_SERVER_CATALOG_CATALOG_H_
#define ALIGNFLOW_SERVER_CATALOG_CATALOG_H_

#include <filesystem>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace soci {
class session;
}

namespace alignflow {

// The connection that the table functions (datasets.h, jobs.h, tasks.h, results.h) work on. They
// are called within Catalog::Transact only, and throw soci::soci_error, which Transact catches.
using Sql = soci::session;

// What the coordinator knows: datasets, jobs, tasks, results, in one SQLite file. The only truth:
// after a kill, whatever was committed is there. Thread-safe; one transaction runs at a time.
class Catalog {
 public:
  // Opens or creates the file and brings its schema up to date. DataLoss if it is damaged,
  // FailedPrecondition if it can't be written or a newer AlignFlow wrote it, each naming the file
  // and the remedy.
  static absl::StatusOr<std::unique_ptr<Catalog>> Open(const std::filesystem::path& file);
  ~Catalog();

  // Runs `body` in a transaction: commits if it returns OK, otherwise leaves everything as it was.
  // Returns body's status, or ResourceExhausted (disk full), DataLoss (damaged file) or Internal.
  // `body` must not call Transact.
  absl::Status Transact(const std::function<absl::Status(Sql&)>& body);

 private:
  explicit Catalog(std::unique_ptr<Sql> sql);

  absl::Mutex mutex_;
  std::unique_ptr<Sql> sql_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_CATALOG_H_
