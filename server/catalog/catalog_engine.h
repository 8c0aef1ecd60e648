#ifndef ALIGNFLOW_SERVER_CATALOG_CATALOG_ENGINE_H_
#define ALIGNFLOW_SERVER_CATALOG_CATALOG_ENGINE_H_

#include <functional>

#include "absl/status/status.h"
#include "server/catalog/catalog.h"

namespace alignflow {

// What keeps the catalog's tables: a file (sqlite_engine.h) or a database server
// (postgres_engine.h). One connection writes, some read beside it; each is used by one thread at a
// time, which Catalog sees to.
class CatalogEngine {
 public:
  using Body = std::function<absl::Status(Sql&)>;
  // Reads are short and share the processor: more connections would not make them faster.
  static constexpr int kReaders = 4;

  virtual ~CatalogEngine() = default;

  // Runs `body` in a transaction, which is committed if it returns OK. `failed` says whether the
  // database failed it. Returns as Catalog::Transact.
  virtual absl::Status Write(const Body& body, bool& failed) = 0;
  // The same on one of the connections that can't write.
  virtual absl::Status Read(int reader, const Body& body, bool& failed) = 0;
  virtual int readers() const = 0;
  // As Catalog's; not beside Write.
  virtual absl::Status Check() = 0;
  virtual absl::Status ForgetDeleted() = 0;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_CATALOG_ENGINE_H_
