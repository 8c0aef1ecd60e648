#ifndef ALIGNFLOW_SERVER_CATALOG_LOCATION_H_
#define ALIGNFLOW_SERVER_CATALOG_LOCATION_H_

#include <filesystem>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/catalog/postgres_address.h"

// Where a state folder's catalog is, if it is in a database: so that nobody who works on the folder
// takes another catalog for its own, and removes the blobs that are not in it.
namespace alignflow {

struct CatalogLocation {
  std::string id;  // random; the database has the same (catalog/postgres_engine.h)
  PostgresAddress address;
};

// Nothing: it is in the folder's own file. DataLoss for a file that does not say where.
absl::StatusOr<std::optional<CatalogLocation>> ReadCatalogLocation(
    const std::filesystem::path& state);
absl::Status WriteCatalogLocation(const std::filesystem::path& state,
                                  const CatalogLocation& location);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_LOCATION_H_
