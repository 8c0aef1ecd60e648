#ifndef ALIGNFLOW_SERVER_CATALOG_POSTGRES_SCHEMA_H_
#define ALIGNFLOW_SERVER_CATALOG_POSTGRES_SCHEMA_H_

#include <string>

namespace alignflow {

// The version of the schema that PostgresSchema makes; later migrations (migrations.cc) follow.
inline constexpr int kPostgresSchemaVersion = 14;

// Statements that make an empty database's schema: tables and indices as SQLite's, the same
// triggers in PL/pgSQL, and what PostgreSQL alone needs. `rowid` gives tables that are walked
// through the order of insertion that SQLite's have by themselves; `catalog_owner` says whose
// catalog it is (postgres_engine.h). Never edited once it has been released: add a migration.
std::string PostgresSchema();

// A statement of a shared migration in PostgreSQL's words: names are ordered by their bytes as in
// SQLite, and what it has no word for is left out.
std::string PostgresWords(const std::string& statement);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_POSTGRES_SCHEMA_H_
