#include "server/catalog/postgres_triggers.h"

namespace alignflow {

const char kPostgresTriggers[] = R"(
-- SQLite's name for it.
CREATE FUNCTION instr(text, text) RETURNS integer LANGUAGE sql IMMUTABLE AS
  'SELECT strpos($1, $2)';

-- Microseconds since 1970, whole seconds.
CREATE FUNCTION now_micros() RETURNS bigint LANGUAGE sql AS
  'SELECT CAST(floor(extract(epoch FROM clock_timestamp())) AS bigint) * 1000000';

-- Each of the owners refers to each of the blobs once more, or once less. Empty ones do not count.
CREATE FUNCTION hold_blobs(held text[], owners text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO tenant_blobs (blob, tenant, refs)
    SELECT b.blob, o.tenant, COUNT(*) FROM unnest(held) AS b(blob), unnest(owners) AS o(tenant)
    WHERE b.blob <> '' GROUP BY b.blob, o.tenant
    ON CONFLICT (blob, tenant)
    DO UPDATE SET refs = tenant_blobs.refs + excluded.refs, loose_since = 0;
END $$;
CREATE FUNCTION let_go_of_blobs(held text[], owners text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE tenant_blobs AS t
    SET refs = t.refs - gone.n,
      loose_since = CASE WHEN t.refs - gone.n <= 0 THEN now_micros() ELSE 0 END
    FROM (SELECT b.blob, o.tenant, COUNT(*) AS n
      FROM unnest(held) AS b(blob), unnest(owners) AS o(tenant) GROUP BY b.blob, o.tenant) AS gone
    WHERE t.blob = gone.blob AND t.tenant = gone.tenant;
END $$;
CREATE FUNCTION tenants_with_task(task text) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN ARRAY(SELECT tenant FROM task_tenants WHERE task_key = task);
END $$;

CREATE FUNCTION jobs_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE job_counts SET jobs = jobs + 1 WHERE state = NEW.state;
  IF NEW.state IN ('queued', 'running') THEN
    UPDATE tenant_uses SET jobs = jobs + 1 WHERE tenant = NEW.tenant;
  END IF;
  PERFORM hold_blobs(ARRAY[NEW.references_digest], ARRAY[NEW.tenant]);
  RETURN NULL;
END $$;
CREATE TRIGGER jobs_added AFTER INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION jobs_added();

CREATE FUNCTION jobs_moved() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  was_open boolean := OLD.state IN ('queued', 'running');
  is_open boolean := NEW.state IN ('queued', 'running');
BEGIN
  UPDATE job_counts SET jobs = jobs + CASE WHEN state = NEW.state THEN 1 ELSE -1 END
    WHERE state IN (OLD.state, NEW.state);
  IF was_open <> is_open THEN
    UPDATE tenant_uses SET jobs = jobs + CASE WHEN is_open THEN 1 ELSE -1 END
      WHERE tenant = NEW.tenant;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER jobs_moved AFTER UPDATE OF state ON jobs FOR EACH ROW
  WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION jobs_moved();

-- Rows that name the job go while it can still be told whose it is.
CREATE FUNCTION jobs_let_go() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM job_references WHERE job_id = OLD.id;
  PERFORM let_go_of_blobs(ARRAY[OLD.references_digest], ARRAY[OLD.tenant]);
  RETURN OLD;
END $$;
CREATE TRIGGER jobs_let_go BEFORE DELETE ON jobs FOR EACH ROW EXECUTE FUNCTION jobs_let_go();

CREATE FUNCTION jobs_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE job_counts SET jobs = jobs - 1 WHERE state = OLD.state;
  IF OLD.state IN ('queued', 'running') THEN
    UPDATE tenant_uses SET jobs = jobs - 1 WHERE tenant = OLD.tenant;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER jobs_removed AFTER DELETE ON jobs FOR EACH ROW EXECUTE FUNCTION jobs_removed();

CREATE FUNCTION job_references_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM hold_blobs(ARRAY[NEW.image], ARRAY(SELECT tenant FROM jobs WHERE id = NEW.job_id));
  RETURN NULL;
END $$;
CREATE TRIGGER job_references_hold AFTER INSERT ON job_references FOR EACH ROW
  EXECUTE FUNCTION job_references_hold();
CREATE FUNCTION job_references_let_go() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM let_go_of_blobs(ARRAY[OLD.image], ARRAY(SELECT tenant FROM jobs WHERE id = OLD.job_id));
  RETURN NULL;
END $$;
CREATE TRIGGER job_references_let_go AFTER DELETE ON job_references FOR EACH ROW
  EXECUTE FUNCTION job_references_let_go();

CREATE FUNCTION datasets_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM hold_blobs(ARRAY[NEW.digest], ARRAY[NEW.tenant]);
  RETURN NULL;
END $$;
CREATE TRIGGER datasets_hold AFTER INSERT ON datasets FOR EACH ROW EXECUTE FUNCTION datasets_hold();
CREATE FUNCTION datasets_let_go() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM dataset_items WHERE dataset_id = OLD.id;
  PERFORM let_go_of_blobs(ARRAY[OLD.digest], ARRAY[OLD.tenant]);
  RETURN OLD;
END $$;
CREATE TRIGGER datasets_let_go BEFORE DELETE ON datasets FOR EACH ROW
  EXECUTE FUNCTION datasets_let_go();

-- Rows that come by the thousand are looked at once for each statement.
CREATE FUNCTION dataset_items_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO tenant_blobs (blob, tenant, refs)
    SELECT b.blob, d.tenant, COUNT(*) FROM changed AS c JOIN datasets AS d ON d.id = c.dataset_id
      CROSS JOIN LATERAL unnest(ARRAY[c.image, c.mask]) AS b(blob)
    WHERE b.blob <> '' GROUP BY b.blob, d.tenant
    ON CONFLICT (blob, tenant)
    DO UPDATE SET refs = tenant_blobs.refs + excluded.refs, loose_since = 0;
  RETURN NULL;
END $$;
CREATE TRIGGER dataset_items_hold AFTER INSERT ON dataset_items
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION dataset_items_hold();
CREATE FUNCTION dataset_items_let_go() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE tenant_blobs AS t
    SET refs = t.refs - gone.n,
      loose_since = CASE WHEN t.refs - gone.n <= 0 THEN now_micros() ELSE 0 END
    FROM (SELECT b.blob, d.tenant, COUNT(*) AS n
      FROM changed AS c JOIN datasets AS d ON d.id = c.dataset_id
        CROSS JOIN LATERAL unnest(ARRAY[c.image, c.mask]) AS b(blob)
      GROUP BY b.blob, d.tenant) AS gone
    WHERE t.blob = gone.blob AND t.tenant = gone.tenant;
  RETURN NULL;
END $$;
CREATE TRIGGER dataset_items_let_go AFTER DELETE ON dataset_items
  REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION dataset_items_let_go();

CREATE FUNCTION tasks_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE task_counts SET tasks = tasks + 1 WHERE state = NEW.state;
  INSERT INTO task_inputs (blob, task_key)
    SELECT DISTINCT i.value, NEW.task_key FROM json_each_text(NEW.inputs::json) AS i
    ON CONFLICT DO NOTHING;
  IF NEW.state = 'queued' THEN
    INSERT INTO queue_counts VALUES (NEW.kind, (NEW.model <> '')::int, 1)
      ON CONFLICT (kind, pretrained) DO UPDATE SET tasks = queue_counts.tasks + 1;
    UPDATE tenant_uses SET queued_tasks = queued_tasks + 1 WHERE tenant = NEW.tenant;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER tasks_added AFTER INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION tasks_added();

-- Steps count while the task does not run, times and retries where it was not reused. The last
-- failure of a failed task led to no new lease.
CREATE FUNCTION tasks_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.state <> NEW.state THEN
    UPDATE task_counts SET tasks = tasks + CASE WHEN state = NEW.state THEN 1 ELSE -1 END
      WHERE state IN (OLD.state, NEW.state);
    IF NEW.state = 'queued' THEN
      INSERT INTO queue_counts VALUES (NEW.kind, (NEW.model <> '')::int, 1)
        ON CONFLICT (kind, pretrained) DO UPDATE SET tasks = queue_counts.tasks + 1;
    ELSIF OLD.state = 'queued' THEN
      UPDATE queue_counts SET tasks = tasks - 1
        WHERE kind = OLD.kind AND pretrained = (OLD.model <> '')::int;
    END IF;
  END IF;
  IF OLD.state <> NEW.state OR OLD.tenant <> NEW.tenant THEN
    UPDATE tenant_uses SET queued_tasks = queued_tasks - 1
      WHERE tenant = OLD.tenant AND OLD.state = 'queued';
    UPDATE tenant_uses SET queued_tasks = queued_tasks + 1
      WHERE tenant = NEW.tenant AND NEW.state = 'queued';
  END IF;
  UPDATE job_stages AS s SET
      queued = s.queued + p.n * ((NEW.state = 'queued')::int - (OLD.state = 'queued')::int),
      running = s.running + p.n * ((NEW.state = 'running')::int - (OLD.state = 'running')::int),
      succeeded = s.succeeded
        + p.n * ((NEW.state = 'succeeded')::int - (OLD.state = 'succeeded')::int),
      failed = s.failed + p.n * ((NEW.state = 'failed')::int - (OLD.state = 'failed')::int),
      cancelled = s.cancelled
        + p.n * ((NEW.state = 'cancelled')::int - (OLD.state = 'cancelled')::int),
      step = s.step + p.n * (NEW.step * (NEW.state <> 'running' AND NEW.total > 0)::int
        - OLD.step * (OLD.state <> 'running' AND OLD.total > 0)::int),
      total = s.total + p.n * (NEW.total * (NEW.state <> 'running')::int
        - OLD.total * (OLD.state <> 'running')::int),
      tasks_with_total = s.tasks_with_total
        + p.n * ((NEW.state <> 'running' AND NEW.total > 0)::int
        - (OLD.state <> 'running' AND OLD.total > 0)::int),
      pairs = s.pairs + p.n * (NEW.pairs - OLD.pairs),
      pairs_left_out = s.pairs_left_out + p.n * (NEW.pairs_left_out - OLD.pairs_left_out),
      retries = s.retries + p.n * (NEW.failures + NEW.losses - (NEW.state = 'failed')::int
        - OLD.failures - OLD.losses + (OLD.state = 'failed')::int),
      start_time = CASE WHEN NEW.start_time = 0 THEN s.start_time
        WHEN s.start_time = 0 THEN NEW.start_time ELSE LEAST(s.start_time, NEW.start_time) END,
      end_time = GREATEST(s.end_time, NEW.end_time),
      latest_task = CASE WHEN NEW.start_time > 0 THEN NEW.task_key ELSE s.latest_task END
    FROM (SELECT job_id, stage, COUNT(*) AS n FROM job_tasks
      WHERE task_key = NEW.task_key AND open = 1 GROUP BY job_id, stage) AS p
    WHERE s.job_id = p.job_id AND s.stage = p.stage;
  RETURN NULL;
END $$;
CREATE TRIGGER tasks_changed AFTER UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION tasks_changed();

CREATE FUNCTION tasks_let_go() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM task_tenants WHERE task_key = OLD.task_key;
  RETURN OLD;
END $$;
CREATE TRIGGER tasks_let_go BEFORE DELETE ON tasks FOR EACH ROW EXECUTE FUNCTION tasks_let_go();

CREATE FUNCTION tasks_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE task_counts SET tasks = tasks - 1 WHERE state = OLD.state;
  IF OLD.state = 'queued' THEN
    UPDATE queue_counts SET tasks = tasks - 1
      WHERE kind = OLD.kind AND pretrained = (OLD.model <> '')::int;
    UPDATE tenant_uses SET queued_tasks = queued_tasks - 1 WHERE tenant = OLD.tenant;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER tasks_removed AFTER DELETE ON tasks FOR EACH ROW EXECUTE FUNCTION tasks_removed();

-- A task that two places of a stage have counts twice.
CREATE FUNCTION job_tasks_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.task_key IS NULL THEN
    RETURN NULL;
  END IF;
  UPDATE job_stages AS s SET
      made = s.made + 1,
      queued = s.queued + (t.state = 'queued')::int,
      running = s.running + (t.state = 'running')::int,
      succeeded = s.succeeded + (t.state = 'succeeded')::int,
      failed = s.failed + (t.state = 'failed')::int,
      cancelled = s.cancelled + (t.state = 'cancelled')::int,
      reused = s.reused + NEW.reused,
      step = s.step + t.step * (t.state <> 'running' AND t.total > 0)::int,
      total = s.total + t.total * (t.state <> 'running')::int,
      tasks_with_total = s.tasks_with_total + (t.state <> 'running' AND t.total > 0)::int,
      pairs = s.pairs + t.pairs,
      pairs_left_out = s.pairs_left_out + t.pairs_left_out,
      retries = s.retries + CASE WHEN NEW.reused = 1 THEN 0
        ELSE t.failures + t.losses - (t.state = 'failed')::int END,
      start_time = CASE WHEN NEW.reused = 1 OR t.start_time = 0 THEN s.start_time
        WHEN s.start_time = 0 THEN t.start_time ELSE LEAST(s.start_time, t.start_time) END,
      end_time = CASE WHEN NEW.reused = 1 THEN s.end_time
        ELSE GREATEST(s.end_time, t.end_time) END,
      latest_task = CASE WHEN t.start_time > 0 THEN t.task_key ELSE s.latest_task END
    FROM tasks AS t
    WHERE t.task_key = NEW.task_key AND s.job_id = NEW.job_id AND s.stage = NEW.stage;
  INSERT INTO task_tenants (task_key, tenant)
    SELECT NEW.task_key, tenant FROM jobs WHERE id = NEW.job_id ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
CREATE TRIGGER job_tasks_added AFTER INSERT ON job_tasks FOR EACH ROW
  EXECUTE FUNCTION job_tasks_added();

CREATE FUNCTION task_outputs_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM hold_blobs(ARRAY[NEW.blob], tenants_with_task(NEW.task_key));
  RETURN NULL;
END $$;
CREATE TRIGGER task_outputs_hold AFTER INSERT ON task_outputs FOR EACH ROW
  EXECUTE FUNCTION task_outputs_hold();
CREATE FUNCTION task_outputs_let_go() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM let_go_of_blobs(ARRAY[OLD.blob], tenants_with_task(OLD.task_key));
  RETURN NULL;
END $$;
CREATE TRIGGER task_outputs_let_go AFTER DELETE ON task_outputs FOR EACH ROW
  EXECUTE FUNCTION task_outputs_let_go();

CREATE FUNCTION pairs_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO tenant_blobs (blob, tenant, refs)
    SELECT b.blob, o.tenant, COUNT(*)
    FROM changed AS c JOIN task_tenants AS o ON o.task_key = c.task_key
      CROSS JOIN LATERAL unnest(ARRAY[c.image, c.mask, c.view_image, c.view_mask]) AS b(blob)
    WHERE b.blob <> '' GROUP BY b.blob, o.tenant
    ON CONFLICT (blob, tenant)
    DO UPDATE SET refs = tenant_blobs.refs + excluded.refs, loose_since = 0;
  RETURN NULL;
END $$;
CREATE TRIGGER pairs_hold AFTER INSERT ON pairs
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION pairs_hold();
CREATE FUNCTION pairs_let_go() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE tenant_blobs AS t
    SET refs = t.refs - gone.n,
      loose_since = CASE WHEN t.refs - gone.n <= 0 THEN now_micros() ELSE 0 END
    FROM (SELECT b.blob, o.tenant, COUNT(*) AS n
      FROM changed AS c JOIN task_tenants AS o ON o.task_key = c.task_key
        CROSS JOIN LATERAL unnest(ARRAY[c.image, c.mask, c.view_image, c.view_mask]) AS b(blob)
      GROUP BY b.blob, o.tenant) AS gone
    WHERE t.blob = gone.blob AND t.tenant = gone.tenant;
  RETURN NULL;
END $$;
CREATE TRIGGER pairs_let_go AFTER DELETE ON pairs
  REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION pairs_let_go();

CREATE FUNCTION blobs_of_task(task text) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN ARRAY(SELECT blob FROM task_outputs WHERE task_key = task
    UNION ALL SELECT unnest(ARRAY[image, mask, view_image, view_mask]) FROM pairs
      WHERE task_key = task);
END $$;
CREATE FUNCTION task_tenants_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM hold_blobs(blobs_of_task(NEW.task_key), ARRAY[NEW.tenant]);
  INSERT INTO tenant_models (tenant, sequence)
    SELECT NEW.tenant, sequence FROM models WHERE task_key = NEW.task_key ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
CREATE TRIGGER task_tenants_added AFTER INSERT ON task_tenants FOR EACH ROW
  EXECUTE FUNCTION task_tenants_added();
CREATE FUNCTION task_tenants_let_go() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM let_go_of_blobs(blobs_of_task(OLD.task_key), ARRAY[OLD.tenant]);
  DELETE FROM tenant_models WHERE tenant = OLD.tenant
    AND sequence IN (SELECT sequence FROM models WHERE task_key = OLD.task_key);
  RETURN OLD;
END $$;
CREATE TRIGGER task_tenants_let_go BEFORE DELETE ON task_tenants FOR EACH ROW
  EXECUTE FUNCTION task_tenants_let_go();

CREATE FUNCTION models_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO tenant_models (tenant, sequence)
    SELECT tenant, NEW.sequence FROM task_tenants WHERE task_key = NEW.task_key
    ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
CREATE TRIGGER models_added AFTER INSERT ON models FOR EACH ROW EXECUTE FUNCTION models_added();

CREATE FUNCTION tenants_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO tenant_uses (tenant) VALUES (NEW.name);
  RETURN NULL;
END $$;
CREATE TRIGGER tenants_added AFTER INSERT ON tenants FOR EACH ROW EXECUTE FUNCTION tenants_added();
CREATE FUNCTION tenants_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM tenant_uses WHERE tenant = OLD.name;
  RETURN NULL;
END $$;
CREATE TRIGGER tenants_removed AFTER DELETE ON tenants FOR EACH ROW
  EXECUTE FUNCTION tenants_removed();

CREATE FUNCTION tenant_blobs_measured() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  before bigint := 0;
  after bigint := 0;
BEGIN
  IF TG_OP <> 'INSERT' THEN
    before := GREATEST(OLD.bytes, 0);
  END IF;
  IF TG_OP <> 'DELETE' THEN
    after := GREATEST(NEW.bytes, 0);
  END IF;
  IF before <> after THEN
    UPDATE tenant_uses SET stored_bytes = stored_bytes + after - before
      WHERE tenant = CASE WHEN TG_OP = 'DELETE' THEN OLD.tenant ELSE NEW.tenant END;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER tenant_blobs_added AFTER INSERT ON tenant_blobs
  FOR EACH ROW WHEN (NEW.bytes > 0) EXECUTE FUNCTION tenant_blobs_measured();
CREATE TRIGGER tenant_blobs_measured AFTER UPDATE OF bytes ON tenant_blobs
  FOR EACH ROW EXECUTE FUNCTION tenant_blobs_measured();
CREATE TRIGGER tenant_blobs_removed AFTER DELETE ON tenant_blobs
  FOR EACH ROW WHEN (OLD.bytes > 0) EXECUTE FUNCTION tenant_blobs_measured();
)";

}  // namespace alignflow
