#include "benchmarks/coordinator/finished_jobs.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "common/digest.h"
#include "common/settings/settings.h"
#include "server/catalog/catalog.h"
#include "server/catalog/jobs.h"
#include "server/catalog/soci.h"
#include "server/catalog/tasks.h"

namespace alignflow {
namespace {

// Copies the rows that `where` names `copies` times; in copy n the columns of `changed` are given
// by expressions of n.
void Copy(Sql& sql, const std::string& table, const std::string& where, int copies,
          const std::map<std::string, std::string>& changed) {
  std::vector<std::string> columns, values;
  std::string name;
  soci::statement names =
      (sql.prepare << "SELECT name FROM pragma_table_info('" << table << "')", soci::into(name));
  names.execute();
  while (names.fetch()) {
    columns.push_back(name);
    const auto expression = changed.find(name);
    values.push_back(expression == changed.end() ? name : expression->second);
  }
  sql << "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < "
      << copies << ") INSERT INTO " << table << " (" << absl::StrJoin(columns, ", ") << ") SELECT "
      << absl::StrJoin(values, ", ") << " FROM " << table << ", numbers WHERE " << where;
}

void InsertDone(WritingSql& sql, const std::string& key, const std::string& kind,
                const SettingMap& settings) {
  TaskRecord task;
  task.key = key;
  task.spec = {.kind = kind, .settings = settings, .inputs = {{"source", key}}};
  task.queue_time = absl::Now();
  InsertTask(sql, task);
  task.state = TaskState::kSucceeded;
  task.start_time = task.end_time = absl::Now();
  UpdateTask(sql, task);
}

void InsertFinished(WritingSql& sql, int number, const SettingMap& settings) {
  const std::vector<std::string> stages = {"prepare", "describe", "fit",     "rollout",
                                           "align",   "generate", "compare", "figures"};
  JobRecord job;
  job.id = absl::StrFormat("%08x", number);
  job.source = "finished";
  job.source_digest = job.references_digest = Sha256OfString("finished");
  job.pairs = 32;
  job.preset = PresetNames().front();
  job.settings = settings;
  job.create_time = absl::Now();
  InsertJob(sql, job, {{"a", job.source_digest, 1}, {"b", job.source_digest, 1}});
  int order = 0;
  for (const std::string& stage : stages) {
    InsertJobStage(sql, job.id, stage, order, 1);
    const bool shared = order < 2;
    const std::string key = Sha256OfString(shared ? stage : absl::StrCat(stage, number));
    if (!shared || number == 0)
      InsertDone(sql, key, stage, SettingsOfKind(stage, job.preset, settings));
    InsertJobTask(sql, job.id, {.stage = stage, .ordinal = 0, .task_key = key, .reused = true});
    ++order;
  }
  job.state = JobState::kSucceeded;
  job.start_time = job.end_time = absl::Now();
  UpdateJob(sql, job);
}

}  // namespace

absl::Status WriteFinishedJobs(const std::filesystem::path& catalog, int jobs) {
  absl::StatusOr<std::unique_ptr<Catalog>> opened = Catalog::Open(catalog);
  if (!opened.ok()) return opened.status();
  const SettingMap settings = PresetDefaults(PresetNames().front()).value();
  return (*opened)->Transact([&](WritingSql& sql) {
    InsertFinished(sql, 0, settings);
    if (jobs < 2) return absl::OkStatus();
    const std::string first = "job_id = '00000000'", job = "printf('%08x', n)";
    // The tasks of the first two stages are shared.
    const std::string own = "kind NOT IN ('prepare', 'describe')";
    const std::string key = "substr(task_key, 1, 56) || printf('%08x', n)";
    Copy(sql, "tasks", own + " AND task_key IN (SELECT task_key FROM job_tasks)", jobs - 1,
         {{"task_key", key}});
    Copy(sql, "jobs", "id = '00000000'", jobs - 1,
         {{"id", job}, {"sequence", "sequence + n"}, {"request_id", "NULL"}});
    Copy(sql, "job_references", first, jobs - 1, {{"job_id", job}});
    Copy(sql, "job_stages", first, jobs - 1,
         {{"job_id", job}, {"made", "0"}, {"succeeded", "0"}, {"reused", "0"}});
    Copy(sql, "job_tasks", first, jobs - 1,
         {{"job_id", job},
          {"task_key", "CASE WHEN stage_order < 2 THEN task_key ELSE " + key + " END"}});
    return absl::OkStatus();
  });
}

}  // namespace alignflow
