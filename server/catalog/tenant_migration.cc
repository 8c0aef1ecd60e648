#include "server/catalog/tenant_migration.h"

#include <iterator>

namespace alignflow {
namespace {

// Microseconds since 1970, for triggers.
#define NOW_MICROS "CAST(strftime('%s', 'now') AS INTEGER) * 1000000"
#define HOLD                                                                             \
  " ON CONFLICT (blob, tenant) DO UPDATE SET refs = tenant_blobs.refs + excluded.refs, " \
  "loose_since = 0"
// SET clauses for a blob that loses n references.
#define LET_GO(n)                                                                    \
  " refs = refs - " n ", loose_since = CASE WHEN refs - " n " <= 0 THEN " NOW_MICROS \
  " ELSE 0 "                                                                         \
  "END "
#define BLOBS_OF_TASK(task)                                        \
  "(SELECT blob FROM task_outputs WHERE task_key = " task          \
  " UNION ALL SELECT image FROM pairs WHERE task_key = " task      \
  " UNION ALL SELECT mask FROM pairs WHERE task_key = " task       \
  " UNION ALL SELECT view_image FROM pairs WHERE task_key = " task \
  " UNION ALL SELECT view_mask FROM pairs WHERE task_key = " task ")"

constexpr const char* kStatements[] = {
    // Limits of -1 are none. `change` rises with every change of the table.
    R"(CREATE TABLE tenants (
     name TEXT PRIMARY KEY,
     weight BIGINT NOT NULL,
     state TEXT NOT NULL,
     create_time BIGINT NOT NULL,
     max_stored_bytes BIGINT NOT NULL DEFAULT -1,
     max_jobs BIGINT NOT NULL DEFAULT -1,
     max_pairs_a_day BIGINT NOT NULL DEFAULT -1,
     max_worker_seconds_a_day BIGINT NOT NULL DEFAULT -1,
     max_calls_a_second BIGINT NOT NULL DEFAULT -1,
     change BIGINT NOT NULL))",
    R"(INSERT INTO tenants (name, weight, state, create_time, change) VALUES
     ('default', 1, 'open', 0, 1))",
    R"(CREATE INDEX tenants_by_change ON tenants (change))",
    // What a tenant has and does now, and what it has used on a day (days since 1970, UTC).
    R"(CREATE TABLE tenant_uses (
     tenant TEXT PRIMARY KEY,
     stored_bytes BIGINT NOT NULL DEFAULT 0,
     jobs BIGINT NOT NULL DEFAULT 0,
     queued_tasks BIGINT NOT NULL DEFAULT 0,
     day BIGINT NOT NULL DEFAULT 0,
     pairs BIGINT NOT NULL DEFAULT 0,
     worker_micros BIGINT NOT NULL DEFAULT 0))",
    R"(CREATE INDEX tenant_uses_queued ON tenant_uses (tenant) WHERE queued_tasks > 0)",
    R"(CREATE TRIGGER tenants_added AFTER INSERT ON tenants BEGIN
     INSERT INTO tenant_uses (tenant) VALUES (NEW.name); END)",
    R"(CREATE TRIGGER tenants_removed AFTER DELETE ON tenants BEGIN
     DELETE FROM tenant_uses WHERE tenant = OLD.name; END)",
    R"(INSERT INTO tenant_uses (tenant, jobs, queued_tasks) VALUES ('default',
     (SELECT COUNT(*) FROM jobs WHERE state IN ('queued', 'running')),
     (SELECT COUNT(*) FROM tasks WHERE state = 'queued')))",

    R"(ALTER TABLE access_keys ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default')",
    R"(ALTER TABLE datasets ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default')",
    R"(ALTER TABLE jobs ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default')",
    R"(ALTER TABLE job_labels ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default')",
    // Whose turn it is; who has the result is in task_tenants.
    R"(ALTER TABLE tasks ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default')",
    R"(CREATE INDEX datasets_by_tenant ON datasets (tenant, sequence))",
    R"(CREATE INDEX jobs_by_tenant ON jobs (tenant, sequence))",
    R"(CREATE INDEX jobs_by_tenant_and_state ON jobs (tenant, state, sequence))",
    R"(CREATE INDEX jobs_waiting ON jobs (tenant, priority, sequence) WHERE state = 'queued')",
    R"(CREATE INDEX job_labels_by_tenant ON job_labels (tenant, name, value, sequence))",
    R"(DROP INDEX job_labels_by_value)",
    R"(DROP INDEX tasks_queue)",
    R"(CREATE INDEX tasks_queue ON tasks (tenant, job_rank, stage_rank, ordinal_rank)
     WHERE state = 'queued')",

    R"(CREATE TRIGGER jobs_of_tenant_added AFTER INSERT ON jobs
     WHEN NEW.state IN ('queued', 'running') BEGIN
     UPDATE tenant_uses SET jobs = jobs + 1 WHERE tenant = NEW.tenant; END)",
    R"(CREATE TRIGGER jobs_of_tenant_moved AFTER UPDATE OF state ON jobs WHEN
     (OLD.state IN ('queued', 'running')) <> (NEW.state IN ('queued', 'running')) BEGIN
     UPDATE tenant_uses SET jobs = jobs + (CASE WHEN NEW.state IN ('queued', 'running') THEN 1 ELSE
     -1 END) WHERE tenant = NEW.tenant; END)",
    R"(CREATE TRIGGER jobs_of_tenant_removed AFTER DELETE ON jobs
     WHEN OLD.state IN ('queued', 'running') BEGIN
     UPDATE tenant_uses SET jobs = jobs - 1 WHERE tenant = OLD.tenant; END)",
    R"(CREATE TRIGGER tasks_of_tenant_added AFTER INSERT ON tasks WHEN NEW.state = 'queued' BEGIN
     UPDATE tenant_uses SET queued_tasks = queued_tasks + 1 WHERE tenant = NEW.tenant; END)",
    R"(CREATE TRIGGER tasks_of_tenant_moved AFTER UPDATE OF state, tenant ON tasks
     WHEN OLD.state <> NEW.state OR OLD.tenant <> NEW.tenant BEGIN
     UPDATE tenant_uses SET queued_tasks = queued_tasks - 1 WHERE tenant = OLD.tenant AND OLD.state =
     'queued';
     UPDATE tenant_uses SET queued_tasks = queued_tasks + 1 WHERE tenant = NEW.tenant AND NEW.state =
     'queued'; END)",
    R"(CREATE TRIGGER tasks_of_tenant_removed AFTER DELETE ON tasks WHEN OLD.state = 'queued' BEGIN
     UPDATE tenant_uses SET queued_tasks = queued_tasks - 1 WHERE tenant = OLD.tenant; END)",

    // Tenants whose jobs have the task.
    R"(CREATE TABLE task_tenants (
     task_key TEXT NOT NULL,
     tenant TEXT NOT NULL,
     PRIMARY KEY (task_key, tenant)) WITHOUT ROWID)",
    R"(INSERT INTO task_tenants (task_key, tenant) SELECT DISTINCT task_key, 'default' FROM job_tasks
     WHERE task_key IS NOT NULL)",
    // A size of -1 is not known yet.
    R"(CREATE TABLE tenant_blobs (
     blob TEXT NOT NULL,
     tenant TEXT NOT NULL,
     refs BIGINT NOT NULL,
     loose_since BIGINT NOT NULL DEFAULT 0,
     bytes BIGINT NOT NULL DEFAULT -1,
     PRIMARY KEY (blob, tenant)) WITHOUT ROWID)",
    R"(INSERT INTO tenant_blobs (blob, tenant, refs) SELECT blob, 'default', COUNT(*) FROM (
     SELECT digest AS blob FROM datasets UNION ALL SELECT image FROM dataset_items
     UNION ALL SELECT mask FROM dataset_items UNION ALL SELECT references_digest FROM jobs
     UNION ALL SELECT image FROM job_references
     UNION ALL SELECT o.blob FROM task_outputs o JOIN task_tenants tt ON tt.task_key = o.task_key
     UNION ALL SELECT p.image FROM pairs p JOIN task_tenants tt ON tt.task_key = p.task_key
     UNION ALL SELECT p.mask FROM pairs p JOIN task_tenants tt ON tt.task_key = p.task_key
     UNION ALL SELECT p.view_image FROM pairs p JOIN task_tenants tt ON tt.task_key = p.task_key
     UNION ALL SELECT p.view_mask FROM pairs p JOIN task_tenants tt ON tt.task_key = p.task_key)
     WHERE blob <> '' GROUP BY blob)",
    R"(CREATE INDEX tenant_blobs_of_tenant ON tenant_blobs (tenant) WHERE refs <= 0)",
    R"(CREATE INDEX tenant_blobs_unmeasured ON tenant_blobs (blob) WHERE bytes < 0)",
    R"(CREATE INDEX tenant_blobs_loose ON tenant_blobs (loose_since) WHERE refs <= 0)",
    R"(CREATE TRIGGER tenant_blobs_added AFTER INSERT ON tenant_blobs WHEN NEW.bytes > 0 BEGIN
     UPDATE tenant_uses SET stored_bytes = stored_bytes + NEW.bytes WHERE tenant = NEW.tenant; END)",
    R"(CREATE TRIGGER tenant_blobs_measured AFTER UPDATE OF bytes ON tenant_blobs BEGIN
     UPDATE tenant_uses SET stored_bytes = stored_bytes + MAX(NEW.bytes, 0) - MAX(OLD.bytes, 0)
     WHERE tenant = NEW.tenant; END)",
    R"(CREATE TRIGGER tenant_blobs_removed AFTER DELETE ON tenant_blobs WHEN OLD.bytes > 0 BEGIN
     UPDATE tenant_uses SET stored_bytes = stored_bytes - OLD.bytes WHERE tenant = OLD.tenant; END)",

    // Datasets and jobs, whose rows go before those that name them.
    "CREATE TRIGGER datasets_hold AFTER INSERT ON datasets BEGIN "
    "INSERT INTO tenant_blobs (blob, tenant, refs) VALUES (NEW.digest, NEW.tenant, 1)" HOLD
    "; END",
    "CREATE TRIGGER dataset_items_hold AFTER INSERT ON dataset_items BEGIN "
    "INSERT INTO tenant_blobs (blob, tenant, refs) SELECT b.blob, d.tenant, 1 FROM (SELECT "
    "NEW.image AS blob UNION ALL SELECT NEW.mask) b JOIN datasets d ON d.id = NEW.dataset_id WHERE "
    "b.blob <> ''" HOLD "; END",
    "CREATE TRIGGER datasets_let_go BEFORE DELETE ON datasets BEGIN "
    "DELETE FROM dataset_items WHERE dataset_id = OLD.id; "
    "UPDATE tenant_blobs SET" LET_GO("1") "WHERE blob = OLD.digest AND tenant = OLD.tenant; END",
    "CREATE TRIGGER dataset_items_let_go AFTER DELETE ON dataset_items BEGIN "
    "UPDATE tenant_blobs SET" LET_GO("1") "WHERE blob = OLD.image AND tenant = (SELECT tenant FROM "
    "datasets WHERE id = OLD.dataset_id); "
    "UPDATE tenant_blobs SET" LET_GO("1") "WHERE blob = OLD.mask AND tenant = (SELECT tenant FROM "
    "datasets WHERE id = OLD.dataset_id); END",
    "CREATE TRIGGER jobs_hold AFTER INSERT ON jobs BEGIN "
    "INSERT INTO tenant_blobs (blob, tenant, refs) VALUES (NEW.references_digest, NEW.tenant, 1)"
    HOLD "; END",
    "CREATE TRIGGER job_references_hold AFTER INSERT ON job_references BEGIN "
    "INSERT INTO tenant_blobs (blob, tenant, refs) SELECT NEW.image, tenant, 1 FROM jobs WHERE id = "
    "NEW.job_id" HOLD "; END",
    "CREATE TRIGGER jobs_let_go BEFORE DELETE ON jobs BEGIN "
    "DELETE FROM job_references WHERE job_id = OLD.id; "
    "UPDATE tenant_blobs SET" LET_GO("1") "WHERE blob = OLD.references_digest AND tenant = "
    "OLD.tenant; END",
    "CREATE TRIGGER job_references_let_go AFTER DELETE ON job_references BEGIN "
    "UPDATE tenant_blobs SET" LET_GO("1") "WHERE blob = OLD.image AND tenant = (SELECT tenant FROM "
    "jobs WHERE id = OLD.job_id); END",

    // Results, for each tenant whose jobs have the task.
    R"(CREATE TRIGGER job_tasks_of_tenant AFTER INSERT ON job_tasks WHEN NEW.task_key IS NOT NULL
     BEGIN INSERT OR IGNORE INTO task_tenants (task_key, tenant) SELECT NEW.task_key, tenant FROM
     jobs WHERE id = NEW.job_id; END)",
    "CREATE TRIGGER task_outputs_hold AFTER INSERT ON task_outputs BEGIN "
    "INSERT INTO tenant_blobs (blob, tenant, refs) SELECT NEW.blob, tenant, 1 FROM task_tenants "
    "WHERE task_key = NEW.task_key" HOLD "; END",
    "CREATE TRIGGER task_outputs_let_go AFTER DELETE ON task_outputs BEGIN "
    "UPDATE tenant_blobs SET" LET_GO("1") "WHERE blob = OLD.blob AND tenant IN (SELECT tenant FROM "
    "task_tenants WHERE task_key = OLD.task_key); END",
    "CREATE TRIGGER pairs_hold AFTER INSERT ON pairs BEGIN "
    "INSERT INTO tenant_blobs (blob, tenant, refs) SELECT b.blob, t.tenant, 1 FROM (SELECT "
    "NEW.image AS blob UNION ALL SELECT NEW.mask UNION ALL SELECT NEW.view_image UNION ALL SELECT "
    "NEW.view_mask) b JOIN task_tenants t ON t.task_key = NEW.task_key WHERE b.blob <> ''" HOLD
    "; END",
    "CREATE TRIGGER pairs_let_go AFTER DELETE ON pairs BEGIN "
    "UPDATE tenant_blobs SET" LET_GO("1") "WHERE blob = OLD.image AND tenant IN (SELECT tenant FROM "
    "task_tenants WHERE task_key = OLD.task_key); "
    "UPDATE tenant_blobs SET" LET_GO("1") "WHERE blob = OLD.mask AND tenant IN (SELECT tenant FROM "
    "task_tenants WHERE task_key = OLD.task_key); "
    "UPDATE tenant_blobs SET" LET_GO("1") "WHERE blob = OLD.view_image AND tenant IN (SELECT tenant "
    "FROM task_tenants WHERE task_key = OLD.task_key); "
    "UPDATE tenant_blobs SET" LET_GO("1") "WHERE blob = OLD.view_mask AND tenant IN (SELECT tenant "
    "FROM task_tenants WHERE task_key = OLD.task_key); END",
    "CREATE TRIGGER task_tenants_hold AFTER INSERT ON task_tenants BEGIN "
    "INSERT INTO tenant_blobs (blob, tenant, refs) SELECT blob, NEW.tenant, COUNT(*) FROM "
    BLOBS_OF_TASK("NEW.task_key") " WHERE blob <> '' GROUP BY blob" HOLD "; END",
    "CREATE TRIGGER task_tenants_let_go BEFORE DELETE ON task_tenants BEGIN "
    "UPDATE tenant_blobs SET" LET_GO("gone.n") "FROM (SELECT blob AS left_blob, COUNT(*) AS n FROM "
    BLOBS_OF_TASK("OLD.task_key") " GROUP BY blob) AS gone WHERE tenant_blobs.blob = "
    "gone.left_blob AND tenant_blobs.tenant = OLD.tenant; END",
    R"(CREATE TRIGGER tasks_let_go BEFORE DELETE ON tasks BEGIN
     DELETE FROM task_tenants WHERE task_key = OLD.task_key; END)",

    // Which models a tenant is shown: those of its jobs' tasks.
    R"(CREATE TABLE tenant_models (
     tenant TEXT NOT NULL,
     sequence BIGINT NOT NULL REFERENCES models(sequence) ON DELETE CASCADE,
     PRIMARY KEY (tenant, sequence)) WITHOUT ROWID)",
    R"(CREATE INDEX tenant_models_by_sequence ON tenant_models (sequence))",
    R"(INSERT INTO tenant_models (tenant, sequence) SELECT tt.tenant, m.sequence FROM models m JOIN
     task_tenants tt ON tt.task_key = m.task_key)",
    R"(CREATE TRIGGER models_of_tenant_added AFTER INSERT ON models BEGIN
     INSERT OR IGNORE INTO tenant_models (tenant, sequence) SELECT tenant, NEW.sequence FROM
     task_tenants WHERE task_key = NEW.task_key; END)",
    R"(CREATE TRIGGER models_of_tenant_shared AFTER INSERT ON task_tenants BEGIN
     INSERT OR IGNORE INTO tenant_models (tenant, sequence) SELECT NEW.tenant, sequence FROM models
     WHERE task_key = NEW.task_key; END)",
    R"(CREATE TRIGGER models_of_tenant_left AFTER DELETE ON task_tenants BEGIN
     DELETE FROM tenant_models WHERE tenant = OLD.tenant AND sequence IN (SELECT sequence FROM models
     WHERE task_key = OLD.task_key); END)",
};

#undef NOW_MICROS
#undef HOLD
#undef LET_GO
#undef BLOBS_OF_TASK

}  // namespace

std::vector<const char*> TenantStatements() {
  return {std::begin(kStatements), std::end(kStatements)};
}

}  // namespace alignflow
