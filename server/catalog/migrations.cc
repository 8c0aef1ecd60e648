#include "server/catalog/migrations.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "server/catalog/soci.h"

namespace alignflow {
namespace {

using Statements = std::vector<const char*>;

// Portable SQL: SQLite now, PostgreSQL later. Times are microseconds since 1970, 0 for none;
// digests are hexadecimal text. A migration that has been released is never edited: add another.
const std::vector<Statements>& Migrations() {
  static const auto* const migrations = new std::vector<Statements>{
      {
          R"(CREATE TABLE datasets (
           id TEXT PRIMARY KEY,
           sequence BIGINT NOT NULL UNIQUE,
           digest TEXT NOT NULL,
           labels TEXT NOT NULL,
           item_count BIGINT NOT NULL,
           size_bytes BIGINT NOT NULL,
           smallest TEXT NOT NULL,
           largest TEXT NOT NULL,
           create_time BIGINT NOT NULL))",
          R"(CREATE TABLE dataset_items (
           dataset_id TEXT NOT NULL REFERENCES datasets(id) ON DELETE CASCADE,
           ordinal BIGINT NOT NULL,
           image TEXT NOT NULL,
           mask TEXT NOT NULL,
           PRIMARY KEY (dataset_id, ordinal)))",
          R"(CREATE TABLE jobs (
           id TEXT PRIMARY KEY,
           sequence BIGINT NOT NULL UNIQUE,
           request_id TEXT UNIQUE,
           state TEXT NOT NULL,
           source TEXT NOT NULL,
           source_digest TEXT NOT NULL,
           target TEXT NOT NULL,
           target_digest TEXT NOT NULL,
           references_digest TEXT NOT NULL,
           pairs BIGINT NOT NULL,
           preset TEXT NOT NULL,
           settings TEXT NOT NULL,
           warnings TEXT NOT NULL,
           error TEXT NOT NULL,
           create_time BIGINT NOT NULL,
           start_time BIGINT NOT NULL,
           end_time BIGINT NOT NULL,
           last_event BIGINT NOT NULL,
           event_time BIGINT NOT NULL))",
          R"(CREATE INDEX jobs_by_state ON jobs (state, sequence))",
          R"(CREATE TABLE job_references (
           job_id TEXT NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
           ordinal BIGINT NOT NULL,
           stem TEXT NOT NULL,
           image TEXT NOT NULL,
           size_bytes BIGINT NOT NULL,
           PRIMARY KEY (job_id, ordinal)))",
          R"(CREATE TABLE tasks (
           task_key TEXT PRIMARY KEY,
           kind TEXT NOT NULL,
           settings TEXT NOT NULL,
           inputs TEXT NOT NULL,
           state TEXT NOT NULL,
           attempt BIGINT NOT NULL,
           worker TEXT NOT NULL,
           lease_expires BIGINT NOT NULL,
           reported TEXT NOT NULL,
           failures BIGINT NOT NULL,
           losses BIGINT NOT NULL,
           checkpoint TEXT NOT NULL,
           error TEXT NOT NULL,
           step BIGINT NOT NULL,
           total BIGINT NOT NULL,
           progress_values TEXT NOT NULL,
           note TEXT NOT NULL,
           pairs BIGINT NOT NULL,
           queue_time BIGINT NOT NULL,
           start_time BIGINT NOT NULL,
           end_time BIGINT NOT NULL))",
          R"(CREATE INDEX tasks_by_state ON tasks (state))",
          R"(CREATE TABLE task_outputs (
           task_key TEXT NOT NULL REFERENCES tasks(task_key) ON DELETE CASCADE,
           role TEXT NOT NULL,
           blob TEXT NOT NULL,
           PRIMARY KEY (task_key, role)))",
          R"(CREATE TABLE pairs (
           task_key TEXT NOT NULL REFERENCES tasks(task_key) ON DELETE CASCADE,
           pair BIGINT NOT NULL,
           image TEXT NOT NULL,
           mask TEXT NOT NULL,
           record TEXT NOT NULL,
           PRIMARY KEY (task_key, pair)))",
          R"(CREATE TABLE job_tasks (
           job_id TEXT NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
           stage TEXT NOT NULL,
           ordinal BIGINT NOT NULL,
           stage_order BIGINT NOT NULL,
           task_key TEXT REFERENCES tasks(task_key),
           reused BIGINT NOT NULL,
           PRIMARY KEY (job_id, stage, ordinal)))",
          R"(CREATE INDEX job_tasks_by_task ON job_tasks (task_key))",
          R"(CREATE TABLE models (
           id TEXT PRIMARY KEY,
           sequence BIGINT NOT NULL UNIQUE,
           task_key TEXT NOT NULL REFERENCES tasks(task_key),
           stage TEXT NOT NULL,
           preset TEXT NOT NULL,
           weights TEXT NOT NULL,
           source_digest TEXT NOT NULL,
           create_time BIGINT NOT NULL))",
      },
      {
          R"(ALTER TABLE pairs ADD COLUMN left_out TEXT NOT NULL DEFAULT '')",
          R"(ALTER TABLE tasks ADD COLUMN pairs_left_out BIGINT NOT NULL DEFAULT 0)",
      },
      {
          R"(ALTER TABLE datasets ADD COLUMN mask_facts TEXT NOT NULL DEFAULT '')",
          R"(ALTER TABLE dataset_items ADD COLUMN fingerprint TEXT NOT NULL DEFAULT '')",
      },
      {
          R"(ALTER TABLE pairs ADD COLUMN view_image TEXT NOT NULL DEFAULT '')",
          R"(ALTER TABLE pairs ADD COLUMN view_mask TEXT NOT NULL DEFAULT '')",
      },
      // What became of leases.
      {
          R"(CREATE TABLE task_trials (
           task_key TEXT PRIMARY KEY REFERENCES tasks(task_key) ON DELETE CASCADE,
           hand_backs BIGINT NOT NULL,
           not_before BIGINT NOT NULL,
           tried TEXT NOT NULL,
           memory_bytes BIGINT NOT NULL))",
          R"(CREATE INDEX task_trials_due ON task_trials (not_before))",
          R"(CREATE TABLE lease_ends (
           job_id TEXT NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
           stage TEXT NOT NULL,
           outcome TEXT NOT NULL,
           ends BIGINT NOT NULL,
           message TEXT NOT NULL,
           time BIGINT NOT NULL,
           PRIMARY KEY (job_id, stage, outcome)))",
          R"(CREATE TABLE closed_workers (worker TEXT PRIMARY KEY, mode TEXT NOT NULL))",
          R"(ALTER TABLE tasks ADD COLUMN model TEXT NOT NULL DEFAULT '')",
          R"(UPDATE tasks SET model = COALESCE(json_extract(settings, '$.weights'), '') WHERE
           kind <> 'figures')",
      }};
  return *migrations;
}

}  // namespace

int NewestSchemaVersion() { return static_cast<int>(Migrations().size()); }

absl::Status Migrate(Sql& sql) {
  sql << "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)";
  int version = 0;
  sql << "SELECT COALESCE(MAX(version), 0) FROM schema_version", soci::into(version);
  if (version > NewestSchemaVersion()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the schema has version ", version, ", this program knows up to ",
                     NewestSchemaVersion(), "; run the newer AlignFlow that wrote it"));
  }
  for (; version < NewestSchemaVersion(); ++version) {
    soci::transaction transaction(sql);
    for (const char* statement : Migrations()[version]) sql << statement;
    const int now = version + 1;
    sql << "INSERT INTO schema_version (version) VALUES (:version)", soci::use(now);
    transaction.commit();
  }
  return absl::OkStatus();
}

}  // namespace alignflow
