#include "server/catalog/deletion.h"

#include "server/catalog/columns.h"
#include "server/catalog/soci.h"

namespace alignflow {

void DeleteJob(WritingSql& writing, const std::string& id) {
  Sql& sql = writing;
  sql << "INSERT OR IGNORE INTO left_tasks (task_key) SELECT task_key FROM job_tasks WHERE job_id "
         "= :id",
      soci::use(id);
  sql << "DELETE FROM jobs WHERE id = :id", soci::use(id);
}

void SweepTasks(WritingSql& writing, int limit) {
  Sql& sql = writing;
  std::vector<std::string> keys;
  std::string key;
  soci::statement select =
      (sql.prepare << "SELECT task_key FROM left_tasks LIMIT " << limit, soci::into(key));
  select.execute();
  while (select.fetch()) keys.push_back(key);
  for (const std::string& left : keys) {
    sql << "DELETE FROM left_tasks WHERE task_key = :task", soci::use(left);
    int wanted = 0;
    sql << "SELECT 1 FROM job_tasks WHERE task_key = :task LIMIT 1", soci::use(left),
        soci::into(wanted);
    if (sql.got_data()) continue;
    sql << "DELETE FROM models WHERE task_key = :task", soci::use(left);
    sql << "DELETE FROM tasks WHERE task_key = :task", soci::use(left);
  }
}

bool TasksAreLeft(Sql& sql) {
  int left = 0;
  sql << "SELECT 1 FROM left_tasks LIMIT 1", soci::into(left);
  return sql.got_data();
}

std::vector<std::string> JobsEndedBefore(Sql& sql, absl::Time time, int limit) {
  const int64_t before = ToColumn(time);
  std::string job;
  soci::statement select =
      (sql.prepare << "SELECT id FROM jobs WHERE end_time > 0 AND end_time < :before ORDER BY "
                      "end_time LIMIT "
                   << limit,
       soci::use(before), soci::into(job));
  select.execute();
  std::vector<std::string> jobs;
  while (select.fetch()) jobs.push_back(job);
  return jobs;
}

}  // namespace alignflow
