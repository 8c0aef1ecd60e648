#include "server/catalog/columns.h"
#include "server/catalog/jobs.h"
#include "server/catalog/soci.h"

namespace alignflow {
namespace {

std::vector<std::string> FetchTexts(soci::statement& select, const std::string& row) {
  select.execute();
  std::vector<std::string> rows;
  while (select.fetch()) rows.push_back(row);
  return rows;
}

}  // namespace

void InsertJobTask(Sql& sql, const std::string& job, const JobTaskRecord& place) {
  sql << "INSERT INTO job_tasks (job_id, stage, ordinal, stage_order, task_key, reused) VALUES "
         "(:job, :stage, :ordinal, :stage_order, NULL, 0)",
      soci::use(job), soci::use(place.stage), soci::use(place.ordinal),
      soci::use(place.stage_order);
}

void NameJobTask(Sql& sql, const std::string& job, const JobTaskRecord& place) {
  const int reused = place.reused ? 1 : 0;
  sql << "UPDATE job_tasks SET task_key = :task, reused = :reused WHERE job_id = :job AND stage = "
         ":stage AND ordinal = :ordinal",
      soci::use(place.task_key), soci::use(reused), soci::use(job), soci::use(place.stage),
      soci::use(place.ordinal);
}

std::optional<JobTaskRecord> FindJobTask(Sql& sql, const std::string& job, const std::string& stage,
                                         int ordinal) {
  JobTaskRecord row{
      .stage = stage, .stage_order = 0, .ordinal = ordinal, .task_key = "", .reused = false};
  int reused = 0;
  sql << "SELECT stage_order, COALESCE(task_key, ''), reused FROM job_tasks WHERE job_id = :job "
         "AND stage = :stage AND ordinal = :ordinal",
      soci::use(job), soci::use(stage), soci::use(ordinal), soci::into(row.stage_order),
      soci::into(row.task_key), soci::into(reused);
  if (!sql.got_data()) return std::nullopt;
  row.reused = reused != 0;
  return row;
}

std::vector<std::string> UnnamedStages(Sql& sql, const std::string& job) {
  std::string stage;
  int order = 0;
  soci::statement select =
      (sql.prepare << "SELECT DISTINCT stage, stage_order FROM job_tasks WHERE job_id = :job AND "
                      "task_key IS NULL ORDER BY stage_order",
       soci::use(job), soci::into(stage), soci::into(order));
  return FetchTexts(select, stage);
}

std::vector<StageCount> CountStages(Sql& sql, const std::string& job) {
  StageCount row;
  int named = 0;
  std::string state;
  int64_t started = 0, ended = 0;
  // Times of reused tasks are of another job. NULLIF keeps 0 ("not yet") out of the minimum. The
  // last failure of a failed task led to no new lease.
  soci::statement select =
      (sql.prepare
           << "SELECT jt.stage, jt.stage_order, CASE WHEN jt.task_key IS NULL THEN 0 ELSE 1 END AS "
              "named, COALESCE(t.state, 'queued') AS task_state, COUNT(*), SUM(jt.reused), "
              "COALESCE(SUM(CASE WHEN t.total > 0 THEN t.step ELSE 0 END), 0), "
              "COALESCE(SUM(t.total), 0), "
              "COALESCE(SUM(CASE WHEN t.total > 0 THEN 1 ELSE 0 END), 0), "
              "COALESCE(SUM(t.pairs), 0), COALESCE(SUM(t.pairs_left_out), 0), "
              "COALESCE(SUM(CASE WHEN jt.reused = 1 THEN 0 ELSE t.failures + t.losses - "
              "CASE WHEN t.state = 'failed' THEN 1 ELSE 0 END END), 0), "
              "COALESCE(MIN(CASE WHEN jt.reused = 1 THEN NULL ELSE NULLIF(t.start_time, 0) END), "
              "0), "
              "COALESCE(MAX(CASE WHEN jt.reused = 1 THEN 0 ELSE t.end_time END), 0) "
              "FROM job_tasks jt LEFT JOIN tasks t ON t.task_key = jt.task_key "
              "WHERE jt.job_id = :job GROUP BY jt.stage, jt.stage_order, named, task_state "
              "ORDER BY jt.stage_order",
       soci::use(job), soci::into(row.stage), soci::into(row.stage_order), soci::into(named),
       soci::into(state), soci::into(row.tasks), soci::into(row.reused), soci::into(row.step),
       soci::into(row.total), soci::into(row.tasks_with_total), soci::into(row.pairs),
       soci::into(row.pairs_left_out), soci::into(row.retries), soci::into(started),
       soci::into(ended));
  select.execute();
  std::vector<StageCount> rows;
  while (select.fetch()) {
    row.named = named != 0;
    row.state = TaskStateOf(state);
    row.start_time = TimeOf(started);
    row.end_time = TimeOf(ended);
    rows.push_back(row);
  }
  return rows;
}

std::map<std::string, int> StageSizes(Sql& sql, const std::string& job) {
  std::string stage;
  int tasks = 0;
  soci::statement select =
      (sql.prepare << "SELECT stage, COUNT(*) FROM job_tasks WHERE job_id = :job GROUP BY stage",
       soci::use(job), soci::into(stage), soci::into(tasks));
  select.execute();
  std::map<std::string, int> sizes;
  while (select.fetch()) sizes[stage] = tasks;
  return sizes;
}

bool AllTasksDone(Sql& sql, const std::string& job) {
  int undone = 0;
  sql << "SELECT 1 FROM job_tasks jt LEFT JOIN tasks t ON t.task_key = jt.task_key WHERE jt.job_id "
         "= :job AND (jt.task_key IS NULL OR t.state <> 'succeeded') LIMIT 1",
      soci::use(job), soci::into(undone);
  return !sql.got_data();
}

std::vector<std::string> UnfinishedJobs(Sql& sql) {
  std::string job;
  soci::statement select = (sql.prepare << "SELECT id FROM jobs WHERE state IN ('queued', "
                                           "'running') ORDER BY sequence",
                            soci::into(job));
  return FetchTexts(select, job);
}

std::vector<std::string> JobsWaitingFor(Sql& sql, const std::string& task_key) {
  std::string job;
  int64_t sequence = 0;
  soci::statement select =
      (sql.prepare << "SELECT DISTINCT j.id, j.sequence FROM job_tasks jt JOIN jobs j ON j.id = "
                      "jt.job_id WHERE jt.task_key = :task AND j.state IN ('queued', 'running') "
                      "ORDER BY j.sequence",
       soci::use(task_key), soci::into(job), soci::into(sequence));
  return FetchTexts(select, job);
}

std::string StageOfTask(Sql& sql, const std::string& job, const std::string& task_key) {
  std::string stage;
  sql << "SELECT stage FROM job_tasks WHERE job_id = :job AND task_key = :task ORDER BY "
         "stage_order LIMIT 1",
      soci::use(job), soci::use(task_key), soci::into(stage);
  return sql.got_data() ? stage : "";
}

std::vector<std::string> JobsWithTask(Sql& sql, const std::string& task_key, int limit) {
  std::string job;
  int64_t sequence = 0;
  soci::statement select =
      (sql.prepare << "SELECT DISTINCT j.id, j.sequence FROM job_tasks jt JOIN jobs j ON j.id = "
                      "jt.job_id WHERE jt.task_key = :task ORDER BY j.sequence DESC LIMIT "
                   << limit,
       soci::use(task_key), soci::into(job), soci::into(sequence));
  return FetchTexts(select, job);
}

std::vector<std::string> UnwantedTasks(Sql& sql, const std::string& job) {
  std::string key;
  soci::statement select =
      (sql.prepare
           << "SELECT DISTINCT t.task_key FROM job_tasks mine JOIN tasks t ON t.task_key = "
              "mine.task_key WHERE mine.job_id = :job AND t.state IN ('queued', 'running') AND NOT "
              "EXISTS (SELECT 1 FROM job_tasks other JOIN jobs j ON j.id = other.job_id WHERE "
              "other.task_key = t.task_key AND j.state IN ('queued', 'running'))",
       soci::use(job), soci::into(key));
  return FetchTexts(select, key);
}

}  // namespace alignflow
