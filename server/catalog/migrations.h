#ifndef ALIGNFLOW_SERVER_CATALOG_MIGRATIONS_H_
#define ALIGNFLOW_SERVER_CATALOG_MIGRATIONS_H_

#include "absl/status/status.h"
#include "server/catalog/catalog.h"

namespace alignflow {

// Brings the schema to the newest version, each step in a transaction of its own.
// FailedPrecondition if it is newer than this program. Throws soci::soci_error.
absl::Status Migrate(Sql& sql);

// The newest version: the number of migrations there are.
int NewestSchemaVersion();

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_MIGRATIONS_H_
