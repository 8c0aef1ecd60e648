#ifndef ALIGNFLOW_SERVER_CATALOG_SQLITE_ENGINE_H_
#define ALIGNFLOW_SERVER_CATALOG_SQLITE_ENGINE_H_

#include <filesystem>
#include <memory>

#include "absl/status/statusor.h"
#include "server/catalog/catalog_engine.h"

namespace alignflow {

// As Catalog::Open.
absl::StatusOr<std::unique_ptr<CatalogEngine>> OpenSqliteEngine(const std::filesystem::path& file);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_SQLITE_ENGINE_H_
