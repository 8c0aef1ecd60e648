#ifndef ALIGNFLOW_SERVER_CATALOG_POSTGRES_TRIGGERS_H_
#define ALIGNFLOW_SERVER_CATALOG_POSTGRES_TRIGGERS_H_

namespace alignflow {

// What SQLite's triggers (migrations.cc, tenant_migration.cc) do, for PostgreSQL: one function for
// each table and kind of change. A part of PostgresSchema.
extern const char kPostgresTriggers[];

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_POSTGRES_TRIGGERS_H_
