#include "server/catalog/migrations.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/catalog/audit_migration.h"
#include "server/catalog/postgres_schema.h"
#include "server/catalog/soci.h"
#include "server/catalog/tenant_migration.h"

namespace alignflow {
namespace {

// A statement, and PostgreSQL's where it needs other words than PostgresWords gives it (triggers,
// functions of SQLite's); it may be several there, divided by semicolons.
struct MigrationStatement {
  MigrationStatement(const char* text) : sqlite(text) {}  // NOLINT: the common case
  MigrationStatement(const char* sqlite, const char* postgres)
      : sqlite(sqlite), postgres(postgres) {}
  const char* sqlite;
  const char* postgres = nullptr;
};
using Statements = std::vector<MigrationStatement>;

Statements AllOf(const std::vector<const char*>& texts) { return {texts.begin(), texts.end()}; }

// Times are microseconds since 1970, 0 for none; digests are hexadecimal text. A migration that has
// been released is never edited: add another. On PostgreSQL those from kPostgresSchemaVersion on
// are run.
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
      },
      // Counters instead of counts, an order for the queue, and places made as a job reaches them.
      {
          R"(CREATE TABLE job_stages (
           job_id TEXT NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
           stage TEXT NOT NULL,
           stage_order BIGINT NOT NULL,
           tasks BIGINT NOT NULL,
           made BIGINT NOT NULL DEFAULT 0,
           queued BIGINT NOT NULL DEFAULT 0,
           running BIGINT NOT NULL DEFAULT 0,
           succeeded BIGINT NOT NULL DEFAULT 0,
           failed BIGINT NOT NULL DEFAULT 0,
           cancelled BIGINT NOT NULL DEFAULT 0,
           reused BIGINT NOT NULL DEFAULT 0,
           step BIGINT NOT NULL DEFAULT 0,
           total BIGINT NOT NULL DEFAULT 0,
           tasks_with_total BIGINT NOT NULL DEFAULT 0,
           pairs BIGINT NOT NULL DEFAULT 0,
           pairs_left_out BIGINT NOT NULL DEFAULT 0,
           retries BIGINT NOT NULL DEFAULT 0,
           start_time BIGINT NOT NULL DEFAULT 0,
           end_time BIGINT NOT NULL DEFAULT 0,
           latest_task TEXT NOT NULL DEFAULT '',
           PRIMARY KEY (job_id, stage)))",
          R"(INSERT INTO job_stages (job_id, stage, stage_order, tasks)
           SELECT job_id, stage, MIN(stage_order), COUNT(*) FROM job_tasks GROUP BY job_id, stage)",
          R"(ALTER TABLE job_tasks ADD COLUMN open BIGINT NOT NULL DEFAULT 0)",
          R"(CREATE TABLE places (job_id TEXT, stage TEXT, ordinal BIGINT, stage_order BIGINT,
           task_key TEXT, reused BIGINT, open BIGINT))",
          R"(INSERT INTO places SELECT jt.job_id, jt.stage, jt.ordinal, jt.stage_order, jt.task_key,
           jt.reused, CASE WHEN j.state IN ('queued', 'running') AND t.state <> 'succeeded' THEN 1
           ELSE 0 END FROM job_tasks jt JOIN jobs j ON j.id = jt.job_id JOIN tasks t ON t.task_key =
           jt.task_key)",
          R"(DELETE FROM job_tasks)",
          R"(CREATE INDEX job_tasks_open ON job_tasks (task_key) WHERE open = 1)",
          R"(CREATE INDEX job_tasks_open_by_job ON job_tasks (job_id) WHERE open = 1)",
          R"(ALTER TABLE tasks ADD COLUMN job_rank BIGINT NOT NULL DEFAULT 0)",
          R"(ALTER TABLE tasks ADD COLUMN stage_rank BIGINT NOT NULL DEFAULT 0)",
          R"(ALTER TABLE tasks ADD COLUMN ordinal_rank BIGINT NOT NULL DEFAULT 0)",
          R"(UPDATE tasks SET job_rank = ranks.job, stage_rank = ranks.stage, ordinal_rank =
           ranks.place FROM (SELECT p.task_key AS ranked, MIN(j.sequence) AS job, p.stage_order AS
           stage, p.ordinal AS place FROM places p JOIN jobs j ON j.id = p.job_id WHERE p.open = 1
           GROUP BY p.task_key) AS ranks WHERE tasks.task_key = ranks.ranked)",
          R"(CREATE INDEX tasks_queue ON tasks (job_rank, stage_rank, ordinal_rank)
           WHERE state = 'queued')",
          R"(CREATE INDEX tasks_by_kind ON tasks (kind))",
          R"(CREATE INDEX tasks_by_checkpoint ON tasks (checkpoint) WHERE checkpoint <> '')",
          R"(CREATE INDEX task_outputs_by_blob ON task_outputs (blob))",
          R"(CREATE INDEX models_by_task ON models (task_key))",
          R"(CREATE INDEX datasets_by_digest ON datasets (digest))",
          R"(CREATE TABLE task_counts (state TEXT PRIMARY KEY, tasks BIGINT NOT NULL))",
          R"(INSERT INTO task_counts VALUES ('queued', 0), ('running', 0), ('succeeded', 0),
           ('failed', 0), ('cancelled', 0))",
          R"(UPDATE task_counts SET tasks = (SELECT COUNT(*) FROM tasks WHERE tasks.state =
           task_counts.state))",
          R"(CREATE TABLE job_counts (state TEXT PRIMARY KEY, jobs BIGINT NOT NULL))",
          R"(INSERT INTO job_counts VALUES ('queued', 0), ('running', 0), ('succeeded', 0),
           ('failed', 0), ('cancelled', 0))",
          R"(UPDATE job_counts SET jobs = (SELECT COUNT(*) FROM jobs WHERE jobs.state =
           job_counts.state))",
          R"(CREATE TRIGGER jobs_added AFTER INSERT ON jobs BEGIN
           UPDATE job_counts SET jobs = jobs + 1 WHERE state = NEW.state; END)",
          R"(CREATE TRIGGER jobs_moved AFTER UPDATE OF state ON jobs WHEN OLD.state <> NEW.state BEGIN
           UPDATE job_counts SET jobs = jobs + (CASE WHEN state = NEW.state THEN 1 ELSE -1 END)
           WHERE state IN (OLD.state, NEW.state); END)",
          R"(CREATE TRIGGER jobs_removed AFTER DELETE ON jobs BEGIN
           UPDATE job_counts SET jobs = jobs - 1 WHERE state = OLD.state; END)",
          R"(CREATE TRIGGER tasks_added AFTER INSERT ON tasks BEGIN
           UPDATE task_counts SET tasks = tasks + 1 WHERE state = NEW.state; END)",
          R"(CREATE TRIGGER tasks_moved AFTER UPDATE OF state ON tasks WHEN OLD.state <> NEW.state
           BEGIN
           UPDATE task_counts SET tasks = tasks + (CASE WHEN state = NEW.state THEN 1 ELSE -1 END)
           WHERE state IN (OLD.state, NEW.state); END)",
          R"(CREATE TRIGGER tasks_removed AFTER DELETE ON tasks BEGIN
           UPDATE task_counts SET tasks = tasks - 1 WHERE state = OLD.state; END)",
          // A task that two places of a stage have counts twice. Steps count while it does not run,
          // times and retries where it was not reused. The last failure of a failed task led to no
          // new lease.
          R"(CREATE TRIGGER job_tasks_added AFTER INSERT ON job_tasks BEGIN
           UPDATE job_stages SET
             made = made + 1,
             queued = queued + (t.state = 'queued'),
             running = running + (t.state = 'running'),
             succeeded = succeeded + (t.state = 'succeeded'),
             failed = failed + (t.state = 'failed'),
             cancelled = cancelled + (t.state = 'cancelled'),
             reused = reused + NEW.reused,
             step = job_stages.step + t.step * (t.state <> 'running' AND t.total > 0),
             total = job_stages.total + t.total * (t.state <> 'running'),
             tasks_with_total = tasks_with_total + (t.state <> 'running' AND t.total > 0),
             pairs = job_stages.pairs + t.pairs,
             pairs_left_out = job_stages.pairs_left_out + t.pairs_left_out,
             retries = retries + CASE WHEN NEW.reused = 1 THEN 0
               ELSE t.failures + t.losses - (t.state = 'failed') END,
             start_time = CASE WHEN NEW.reused = 1 OR t.start_time = 0 THEN job_stages.start_time
               WHEN job_stages.start_time = 0 THEN t.start_time
               ELSE MIN(job_stages.start_time, t.start_time) END,
             end_time = CASE WHEN NEW.reused = 1 THEN job_stages.end_time
               ELSE MAX(job_stages.end_time, t.end_time) END,
             latest_task = CASE WHEN t.start_time > 0 THEN t.task_key ELSE latest_task END
           FROM (SELECT * FROM tasks WHERE task_key = NEW.task_key) AS t
           WHERE job_stages.job_id = NEW.job_id AND job_stages.stage = NEW.stage; END)",
          R"(CREATE TRIGGER tasks_counted AFTER UPDATE ON tasks BEGIN
           UPDATE job_stages SET
             queued = queued + p.n * ((NEW.state = 'queued') - (OLD.state = 'queued')),
             running = running + p.n * ((NEW.state = 'running') - (OLD.state = 'running')),
             succeeded = succeeded + p.n * ((NEW.state = 'succeeded') - (OLD.state = 'succeeded')),
             failed = failed + p.n * ((NEW.state = 'failed') - (OLD.state = 'failed')),
             cancelled = cancelled + p.n * ((NEW.state = 'cancelled') - (OLD.state = 'cancelled')),
             step = step + p.n * (NEW.step * (NEW.state <> 'running' AND NEW.total > 0)
               - OLD.step * (OLD.state <> 'running' AND OLD.total > 0)),
             total = total + p.n * (NEW.total * (NEW.state <> 'running')
               - OLD.total * (OLD.state <> 'running')),
             tasks_with_total = tasks_with_total + p.n * ((NEW.state <> 'running' AND NEW.total > 0)
               - (OLD.state <> 'running' AND OLD.total > 0)),
             pairs = pairs + p.n * (NEW.pairs - OLD.pairs),
             pairs_left_out = pairs_left_out + p.n * (NEW.pairs_left_out - OLD.pairs_left_out),
             retries = retries + p.n * (NEW.failures + NEW.losses - (NEW.state = 'failed')
               - OLD.failures - OLD.losses + (OLD.state = 'failed')),
             start_time = CASE WHEN NEW.start_time = 0 THEN start_time
               WHEN start_time = 0 THEN NEW.start_time ELSE MIN(start_time, NEW.start_time) END,
             end_time = MAX(end_time, NEW.end_time),
             latest_task = CASE WHEN NEW.start_time > 0 THEN NEW.task_key ELSE latest_task END
           FROM (SELECT job_id, stage, COUNT(*) AS n FROM job_tasks WHERE task_key = NEW.task_key
             AND open = 1 GROUP BY job_id, stage) AS p
           WHERE job_stages.job_id = p.job_id AND job_stages.stage = p.stage; END)",
          R"(INSERT INTO job_tasks (job_id, stage, ordinal, stage_order, task_key, reused, open)
           SELECT job_id, stage, ordinal, stage_order, task_key, reused, open FROM places)",
          R"(DROP TABLE places)",
      },
      // Results have a state of their own, and are found by what they were made from.
      {
          R"(CREATE TABLE results (
           task_key TEXT PRIMARY KEY REFERENCES tasks(task_key) ON DELETE CASCADE,
           state TEXT NOT NULL,
           reason TEXT NOT NULL,
           time BIGINT NOT NULL))",
          R"(INSERT INTO results (task_key, state, reason, time) SELECT task_key, 'whole', '',
           end_time FROM tasks WHERE state = 'succeeded')",
          R"(CREATE INDEX results_broken ON results (state) WHERE state <> 'whole')",
          R"(CREATE TABLE task_inputs (
           blob TEXT NOT NULL,
           task_key TEXT NOT NULL REFERENCES tasks(task_key) ON DELETE CASCADE,
           PRIMARY KEY (blob, task_key)))",
          R"(CREATE INDEX task_inputs_by_task ON task_inputs (task_key))",
          R"(INSERT OR IGNORE INTO task_inputs (blob, task_key) SELECT i.value, t.task_key FROM
           tasks t, json_each(t.inputs) i)",
          R"(CREATE TRIGGER task_inputs_added AFTER INSERT ON tasks BEGIN
           INSERT OR IGNORE INTO task_inputs (blob, task_key) SELECT value, NEW.task_key FROM
           json_each(NEW.inputs); END)",
      },
      // What deleted jobs leave behind, and which ended first.
      {
          R"(CREATE TABLE left_tasks (task_key TEXT PRIMARY KEY))",
          R"(CREATE INDEX jobs_by_end ON jobs (end_time))",
      },
      // What a job was made with and what people call it.
      {
          R"(ALTER TABLE jobs ADD COLUMN request_digest TEXT NOT NULL DEFAULT '')",
          R"(ALTER TABLE jobs ADD COLUMN display_name TEXT NOT NULL DEFAULT '')",
          R"(ALTER TABLE jobs ADD COLUMN priority BIGINT NOT NULL DEFAULT 0)",
          R"(ALTER TABLE jobs ADD COLUMN source_facts TEXT NOT NULL DEFAULT '')",
          R"(ALTER TABLE jobs ADD COLUMN target_facts TEXT NOT NULL DEFAULT '')",
          R"(CREATE TABLE job_labels (
           job_id TEXT NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
           name TEXT NOT NULL,
           value TEXT NOT NULL,
           sequence BIGINT NOT NULL,
           PRIMARY KEY (job_id, name)))",
          R"(CREATE INDEX job_labels_by_value ON job_labels (name, value, sequence))",
          R"(CREATE INDEX jobs_by_state_in_order ON jobs (state, sequence))",
      },
      // Access keys.
      {
          R"(CREATE TABLE access_keys (
           id TEXT PRIMARY KEY,
           name TEXT NOT NULL,
           role TEXT NOT NULL,
           digest TEXT NOT NULL,
           create_time BIGINT NOT NULL,
           expire_time BIGINT NOT NULL,
           revoke_time BIGINT NOT NULL,
           change BIGINT NOT NULL))",
          R"(CREATE INDEX access_keys_by_change ON access_keys (change))",
      },
      // How long jobs of a dataset are kept (server/catalog/retention.h).
      {
          R"(ALTER TABLE datasets ADD COLUMN keep_jobs BIGINT NOT NULL DEFAULT -1)",
          R"(CREATE INDEX jobs_by_source_and_end ON jobs (source, end_time))",
      },
      // What waits in the queue, for the metrics (server/catalog/queue.h).
      {
          R"(CREATE TABLE queue_counts (
           kind TEXT NOT NULL,
           pretrained BIGINT NOT NULL,
           tasks BIGINT NOT NULL,
           PRIMARY KEY (kind, pretrained)))",
          R"(INSERT INTO queue_counts SELECT kind, model <> '', COUNT(*) FROM tasks
           WHERE state = 'queued' GROUP BY 1, 2)",
          R"(CREATE INDEX tasks_queued_since ON tasks (model <> '', queue_time)
           WHERE state = 'queued')",
          R"(CREATE TRIGGER queue_joined AFTER INSERT ON tasks WHEN NEW.state = 'queued' BEGIN
           INSERT INTO queue_counts VALUES (NEW.kind, NEW.model <> '', 1)
           ON CONFLICT (kind, pretrained) DO UPDATE SET tasks = tasks + 1; END)",
          R"(CREATE TRIGGER queue_joined_again AFTER UPDATE OF state ON tasks
           WHEN OLD.state <> 'queued' AND NEW.state = 'queued' BEGIN
           INSERT INTO queue_counts VALUES (NEW.kind, NEW.model <> '', 1)
           ON CONFLICT (kind, pretrained) DO UPDATE SET tasks = tasks + 1; END)",
          R"(CREATE TRIGGER queue_left AFTER UPDATE OF state ON tasks
           WHEN OLD.state = 'queued' AND NEW.state <> 'queued' BEGIN
           UPDATE queue_counts SET tasks = tasks - 1
           WHERE kind = OLD.kind AND pretrained = (OLD.model <> ''); END)",
          R"(CREATE TRIGGER queue_removed AFTER DELETE ON tasks WHEN OLD.state = 'queued' BEGIN
           UPDATE queue_counts SET tasks = tasks - 1
           WHERE kind = OLD.kind AND pretrained = (OLD.model <> ''); END)",
      },
      AllOf(TenantStatements()),
      AllOf(AuditStatements()),
      // Jobs that make a model alone, or begin with one. A job may have no references; PostgreSQL's
      // triggers know empty digests already.
      {
          R"(ALTER TABLE jobs ADD COLUMN kind TEXT NOT NULL DEFAULT 'align')",
          R"(ALTER TABLE jobs ADD COLUMN model TEXT NOT NULL DEFAULT '')",
          R"(ALTER TABLE jobs ADD COLUMN model_tasks TEXT NOT NULL DEFAULT '{}')",
          R"(ALTER TABLE jobs ADD COLUMN masks TEXT NOT NULL DEFAULT '')",
          R"(ALTER TABLE jobs ADD COLUMN masks_digest TEXT NOT NULL DEFAULT '')",
          {R"(DROP TRIGGER jobs_hold)", "SELECT 1"},
          {R"(CREATE TRIGGER jobs_hold AFTER INSERT ON jobs WHEN NEW.references_digest <> '' BEGIN
           INSERT INTO tenant_blobs (blob, tenant, refs) VALUES (NEW.references_digest, NEW.tenant,
           1) ON CONFLICT (blob, tenant) DO UPDATE SET refs = tenant_blobs.refs + excluded.refs,
           loose_since = 0; END)",
           "SELECT 1"},
      }};
  return *migrations;
}

// Several statements at once, whatever colons and quotes are in them.
void RunScript(Sql& sql, const std::string& script) {
  PGconn* handle = static_cast<soci::postgresql_session_backend*>(sql.get_backend())->conn_;
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(handle, script.c_str()),
                                                             PQclear);
  const ExecStatusType code = PQresultStatus(result.get());
  if (code == PGRES_COMMAND_OK || code == PGRES_TUPLES_OK) return;
  const char* state = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
  throw soci::postgresql_soci_error(PQerrorMessage(handle), state == nullptr ? "     " : state);
}

// Returns the version that it has then.
int MakeSchema(Sql& sql) {
  if (!IsPostgres(sql)) {
    sql << "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)";
    return SchemaVersion(sql);
  }
  soci::transaction transaction(sql);
  RunScript(sql, PostgresSchema());
  transaction.commit();
  return kPostgresSchemaVersion;
}

}  // namespace

bool IsPostgres(Sql& sql) { return sql.get_backend_name() == "postgresql"; }

int NewestSchemaVersion() { return static_cast<int>(Migrations().size()); }

int SchemaVersion(Sql& sql) {
  int tables = 0, version = 0;
  sql << (IsPostgres(sql) ? "SELECT COUNT(to_regclass('schema_version'))"
                          : "SELECT COUNT(*) FROM sqlite_master WHERE name = 'schema_version'"),
      soci::into(tables);
  if (tables == 0) return 0;
  sql << "SELECT COALESCE(MAX(version), 0) FROM schema_version", soci::into(version);
  return version;
}

absl::Status Migrate(WritingSql& writing, int newest) {
  Sql& sql = writing;
  int version = SchemaVersion(sql);
  if (version == 0) version = MakeSchema(sql);
  if (version > NewestSchemaVersion()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the schema has version ", version, ", this program knows up to ",
                     NewestSchemaVersion(), "; run the newer AlignFlow that wrote it"));
  }
  for (; version < newest; ++version) {
    soci::transaction transaction(sql);
    for (const MigrationStatement& statement : Migrations()[version]) {
      if (!IsPostgres(sql)) {
        sql << statement.sqlite;
      } else if (statement.postgres != nullptr) {
        RunScript(sql, statement.postgres);
      } else {
        sql << PostgresWords(statement.sqlite);
      }
    }
    const int now = version + 1;
    sql << "INSERT INTO schema_version (version) VALUES (:version)", soci::use(now);
    transaction.commit();
  }
  return absl::OkStatus();
}

}  // namespace alignflow
