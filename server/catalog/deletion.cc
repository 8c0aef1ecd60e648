#include "server/catalog/deletion.h"

#include <string>
#include <vector>

#include "server/catalog/soci.h"

namespace alignflow {

void DeleteJob(WritingSql& writing, const std::string& id) {
  Sql& sql = writing;
  sql << "INSERT INTO left_tasks (task_key) SELECT DISTINCT task_key FROM job_tasks WHERE job_id = "
         ":id AND task_key IS NOT NULL ON CONFLICT (task_key) DO NOTHING",
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
    if (sql.got_data()) {
      // Tenants that shared it, and have no job with it any more, let go of it.
      sql << "DELETE FROM task_tenants WHERE task_key = :task AND NOT EXISTS (SELECT 1 FROM "
             "job_tasks jt JOIN jobs j ON j.id = jt.job_id WHERE jt.task_key = "
             "task_tenants.task_key AND j.tenant = task_tenants.tenant)",
          soci::use(left);
      continue;
    }
    sql << "DELETE FROM models WHERE task_key = :task", soci::use(left);
    sql << "DELETE FROM tasks WHERE task_key = :task", soci::use(left);
  }
}

bool TasksAreLeft(Sql& sql) {
  int left = 0;
  sql << "SELECT 1 FROM left_tasks LIMIT 1", soci::into(left);
  return sql.got_data();
}

}  // namespace alignflow
