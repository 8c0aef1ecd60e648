#ifndef ALIGNFLOW_SERVER_CATALOG_CATALOG_MOVE_H_
#define ALIGNFLOW_SERVER_CATALOG_CATALOG_MOVE_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "server/catalog/postgres_address.h"

namespace alignflow {

// Copies every row of a catalog's file, which must have this program's version and nobody at work
// on it, to an empty database, in one transaction; what lies there is then read again and compared.
// The catalog there gets the id; a database that has the id already has been copied to before, and
// is left as it is. Returns the number of rows by table; none if it was left.
// FailedPrecondition for a database that is not empty or that a coordinator has, InvalidArgument
// for text that PostgreSQL can't keep, DataLoss if something else came out than was put in.
absl::StatusOr<std::map<std::string, int64_t>> CopyCatalogToPostgres(
    const std::filesystem::path& file, const PostgresAddress& address, const std::string& id);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_CATALOG_MOVE_H_
