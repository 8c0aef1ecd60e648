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

void InsertJobStage(WritingSql& writing, const std::string& job, const std::string& stage,
                    int order, int tasks) {
  Sql& sql = writing;
  sql << "INSERT INTO job_stages (job_id, stage, stage_order, tasks) VALUES (:job, :stage, "
         ":stage_order, :tasks)",
      soci::use(job), soci::use(stage), soci::use(order), soci::use(tasks);
}

std::vector<StageCount> CountStages(Sql& sql, const std::string& job) {
  StageCount row;
  std::string values;
  int64_t started = 0, ended = 0;
  soci::statement select =
      (sql.prepare << "SELECT s.stage, s.stage_order, s.tasks, s.made, s.queued, s.running, "
                      "s.succeeded, s.failed, s.cancelled, s.reused, s.step, s.total, "
                      "s.tasks_with_total, s.pairs, s.pairs_left_out, s.retries, s.start_time, "
                      "s.end_time, COALESCE(t.progress_values, '{}'), COALESCE(t.note, '') FROM "
                      "job_stages s LEFT JOIN tasks t ON t.task_key = s.latest_task WHERE s.job_id "
                      "= :job ORDER BY s.stage_order",
       soci::use(job), soci::into(row.stage), soci::into(row.order), soci::into(row.tasks),
       soci::into(row.made), soci::into(row.queued), soci::into(row.running),
       soci::into(row.succeeded), soci::into(row.failed), soci::into(row.cancelled),
       soci::into(row.reused), soci::into(row.step), soci::into(row.total),
       soci::into(row.tasks_with_total), soci::into(row.pairs), soci::into(row.pairs_left_out),
       soci::into(row.retries), soci::into(started), soci::into(ended), soci::into(values),
       soci::into(row.latest.note));
  select.execute();
  std::vector<StageCount> rows;
  while (select.fetch()) {
    row.start_time = TimeOf(started);
    row.end_time = TimeOf(ended);
    row.latest.values = FromColumn<std::map<std::string, double>>(values);
    rows.push_back(row);
  }
  return rows;
}

void InsertJobTask(WritingSql& writing, const std::string& job, const JobTaskRecord& place) {
  Sql& sql = writing;
  const int reused = place.reused ? 1 : 0, open = 1 - reused;
  sql << "INSERT INTO job_tasks (job_id, stage, ordinal, stage_order, task_key, reused, open) "
         "SELECT job_id, stage, :ordinal, stage_order, :task, :reused, :open FROM job_stages WHERE "
         "job_id = :job AND stage = :stage",
      soci::use(place.ordinal), soci::use(place.task_key), soci::use(reused), soci::use(open),
      soci::use(job), soci::use(place.stage);
}

std::optional<JobTaskRecord> FindJobTask(Sql& sql, const std::string& job, const std::string& stage,
                                         int ordinal) {
  JobTaskRecord row{.stage = stage, .ordinal = ordinal, .task_key = "", .reused = false};
  int reused = 0;
  sql << "SELECT task_key, reused FROM job_tasks WHERE job_id = :job AND stage = :stage AND "
         "ordinal = :ordinal",
      soci::use(job), soci::use(stage), soci::use(ordinal), soci::into(row.task_key),
      soci::into(reused);
  if (!sql.got_data()) return std::nullopt;
  row.reused = reused != 0;
  return row;
}

int64_t CountDone(Sql& sql, const std::string& job, const std::string& stage, int end) {
  int64_t done = 0;
  sql << "SELECT COUNT(*) FROM job_tasks WHERE job_id = :job AND stage = :stage AND ordinal < "
         ":ordinal AND open = 0",
      soci::use(job), soci::use(stage), soci::use(end), soci::into(done);
  return done;
}

std::map<int, TaskOutputs> OutputsOfPart(Sql& sql, const std::string& job, const std::string& stage,
                                         int first, int count) {
  const int end = first + count;
  int ordinal = 0;
  std::string role, blob;
  soci::statement select =
      (sql.prepare << "SELECT jt.ordinal, o.role, o.blob FROM job_tasks jt JOIN task_outputs o ON "
                      "o.task_key = jt.task_key WHERE jt.job_id = :job AND jt.stage = :stage AND "
                      "jt.ordinal >= :first AND jt.ordinal < :last",
       soci::use(job), soci::use(stage), soci::use(first), soci::use(end), soci::into(ordinal),
       soci::into(role), soci::into(blob));
  select.execute();
  std::map<int, TaskOutputs> outputs;
  while (select.fetch()) outputs[ordinal][role] = blob;
  return outputs;
}

std::vector<RunningTask> RunningTasksOfJob(Sql& sql, const std::string& job) {
  RunningTask row;
  soci::statement select =
      (sql.prepare << "SELECT jt.stage, jt.task_key FROM job_tasks jt JOIN tasks t ON t.task_key = "
                      "jt.task_key WHERE jt.job_id = :job AND jt.open = 1 AND t.state = 'running'",
       soci::use(job), soci::into(row.stage), soci::into(row.key));
  select.execute();
  std::vector<RunningTask> rows;
  while (select.fetch()) rows.push_back(row);
  return rows;
}

std::optional<JobTaskRecord> FailedTaskOfJob(Sql& sql, const std::string& job) {
  JobTaskRecord row;
  sql << "SELECT jt.stage, jt.ordinal, jt.task_key FROM job_tasks jt JOIN tasks t ON t.task_key = "
         "jt.task_key WHERE jt.job_id = :job AND jt.open = 1 AND t.state = 'failed' ORDER BY "
         "jt.stage_order, jt.ordinal LIMIT 1",
      soci::use(job), soci::into(row.stage), soci::into(row.ordinal), soci::into(row.task_key);
  if (!sql.got_data()) return std::nullopt;
  return row;
}

void ReopenTask(WritingSql& writing, const std::string& task_key) {
  Sql& sql = writing;
  sql << "UPDATE job_tasks SET open = 1 WHERE task_key = :task AND open = 0 AND EXISTS (SELECT 1 "
         "FROM jobs j WHERE j.id = job_tasks.job_id AND j.state IN ('queued', 'running'))",
      soci::use(task_key);
}

void CloseTask(WritingSql& writing, const std::string& task_key) {
  Sql& sql = writing;
  sql << "UPDATE job_tasks SET open = 0 WHERE task_key = :task AND open = 1", soci::use(task_key);
}

void CloseJob(WritingSql& writing, const std::string& job) {
  Sql& sql = writing;
  sql << "UPDATE job_tasks SET open = 0 WHERE job_id = :job AND open = 1", soci::use(job);
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
                      "jt.job_id WHERE jt.task_key = :task AND jt.open = 1 ORDER BY j.sequence",
       soci::use(task_key), soci::into(job), soci::into(sequence));
  return FetchTexts(select, job);
}

std::vector<PairPlace> PairPlacesOfTask(Sql& sql, const std::string& task_key) {
  int64_t created = 0;
  int ordinal = 0;
  soci::statement select =
      (sql.prepare
           << "SELECT jt.ordinal, j.create_time FROM job_tasks jt JOIN jobs j ON j.id = jt.job_id "
              "WHERE jt.task_key = :task AND jt.open = 1 AND jt.stage = 'generate'",
       soci::use(task_key), soci::into(ordinal), soci::into(created));
  select.execute();
  std::vector<PairPlace> places;
  while (select.fetch()) places.push_back({.ordinal = ordinal, .create_time = TimeOf(created)});
  return places;
}

std::optional<std::string> UnfinishedJobWithTask(Sql& sql, const std::string& task_key,
                                                 const std::string& tenant) {
  std::string job;
  sql << "SELECT j.id FROM job_tasks jt JOIN jobs j ON j.id = jt.job_id WHERE jt.task_key = :task "
         "AND j.state IN ('queued', 'running') AND (:tenant = '' OR j.tenant = :same) ORDER BY "
         "j.sequence LIMIT 1",
      soci::use(task_key), soci::use(tenant), soci::use(tenant), soci::into(job);
  if (!sql.got_data()) return std::nullopt;
  return job;
}

std::vector<std::string> JobsWithTask(Sql& sql, const std::string& tenant,
                                      const std::string& task_key, int limit) {
  std::string job;
  int64_t sequence = 0;
  soci::statement select =
      (sql.prepare << "SELECT DISTINCT j.id, j.sequence FROM job_tasks jt JOIN jobs j ON j.id = "
                      "jt.job_id WHERE jt.task_key = :task AND j.tenant = :tenant ORDER BY "
                      "j.sequence DESC LIMIT "
                   << limit,
       soci::use(task_key), soci::use(tenant), soci::into(job), soci::into(sequence));
  return FetchTexts(select, job);
}

std::vector<std::string> UnwantedTasks(Sql& sql, const std::string& job) {
  std::string key;
  soci::statement select =
      (sql.prepare
           << "SELECT DISTINCT t.task_key FROM job_tasks mine JOIN tasks t ON t.task_key = "
              "mine.task_key WHERE mine.job_id = :job AND mine.open = 1 AND t.state IN ('queued', "
              "'running') AND NOT EXISTS (SELECT 1 FROM job_tasks other WHERE other.task_key = "
              "mine.task_key AND other.open = 1 AND other.job_id <> mine.job_id)",
       soci::use(job), soci::into(key));
  return FetchTexts(select, key);
}

}  // namespace alignflow
