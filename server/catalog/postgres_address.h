#ifndef ALIGNFLOW_SERVER_CATALOG_POSTGRES_ADDRESS_H_
#define ALIGNFLOW_SERVER_CATALOG_POSTGRES_ADDRESS_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace alignflow {

// Where a catalog's database is, as libpq takes it.
struct PostgresAddress {
  std::string url;         // as it was given
  std::string shown;       // USER@HOST:PORT/DATABASE, for people
  std::string connection;  // KEY='VALUE' for each parameter; no password
};

// Reads postgresql://USER@HOST:PORT/DATABASE?PARAMETER=VALUE&..., with libpq's parameters.
// InvalidArgument, with the remedy, for one that is malformed, names no database, holds a password
// (which is libpq's to find: `passfile`, PGPASSFILE), or leads beyond this machine with another
// sslmode than verify-full, which is what holds there without one.
absl::StatusOr<PostgresAddress> ParsePostgresUrl(std::string_view url);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_POSTGRES_ADDRESS_H_
