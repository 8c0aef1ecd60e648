#include "server/catalog/audit_migration.h"

namespace alignflow {

std::vector<const char*> AuditStatements() {
  return {
      R"(CREATE TABLE audit_records (
       sequence INTEGER PRIMARY KEY,
       time BIGINT NOT NULL,
       tenant TEXT NOT NULL,
       key_id TEXT NOT NULL,
       peer TEXT NOT NULL,
       method TEXT NOT NULL,
       resource TEXT NOT NULL,
       outcome TEXT NOT NULL,
       count BIGINT NOT NULL,
       hash TEXT NOT NULL))",
      R"(CREATE INDEX audit_records_by_time ON audit_records (time))",
      R"(CREATE TABLE audit_ends (
       id INTEGER PRIMARY KEY,
       first BIGINT NOT NULL,
       before_first TEXT NOT NULL,
       last BIGINT NOT NULL,
       last_hash TEXT NOT NULL,
       seal TEXT NOT NULL))",
      // Empty: the secret of before there were several.
      R"(ALTER TABLE access_keys ADD COLUMN secret TEXT NOT NULL DEFAULT '')",
  };
}

}  // namespace alignflow
