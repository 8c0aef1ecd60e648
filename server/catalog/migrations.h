#ifndef ALIGNFLOW_SERVER_CATALOG_MIGRATIONS_H_
#define ALIGNFLOW_SERVER_CATALOG_MIGRATIONS_H_

#include "absl/status/status.h"
#include "server/catalog/catalog.h"

namespace alignflow {

// Whether the connection is to PostgreSQL and not to SQLite.
bool IsPostgres(Sql& sql);

// The newest version: the number of migrations there are.
int NewestSchemaVersion();

// The version that the schema has; 0 for an empty file or database.
int SchemaVersion(Sql& sql);

// Brings the schema to a version, the newest but in tests, each step in a transaction of its own.
// PostgreSQL's begins at kPostgresSchemaVersion.
// FailedPrecondition if it is newer than this program. Throws soci::soci_error.
absl::Status Migrate(WritingSql& sql, int version = NewestSchemaVersion());

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_MIGRATIONS_H_
