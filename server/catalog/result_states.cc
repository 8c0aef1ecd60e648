#include "server/catalog/result_states.h"

#include <array>
#include <stdexcept>
#include <string_view>

#include "server/catalog/columns.h"
#include "server/catalog/soci.h"

namespace alignflow {
namespace {

constexpr std::array<std::string_view, 3> kResultStateNames = {"whole", "lost", "bad"};

ResultState StateOf(std::string_view name) {
  for (size_t i = 0; i < kResultStateNames.size(); ++i) {
    if (kResultStateNames[i] == name) return static_cast<ResultState>(i);
  }
  throw std::invalid_argument("catalog: unknown state of a result");
}

std::vector<std::string> Keys(soci::statement& select, const std::string& key) {
  select.execute();
  std::vector<std::string> keys;
  while (select.fetch()) keys.push_back(key);
  return keys;
}

}  // namespace

std::optional<ResultRecord> ResultOfTask(Sql& sql, const std::string& task_key) {
  std::string state;
  ResultRecord record;
  sql << "SELECT state, reason FROM results WHERE task_key = :task", soci::use(task_key),
      soci::into(state), soci::into(record.reason);
  if (!sql.got_data()) return std::nullopt;
  record.state = StateOf(state);
  return record;
}

void SetResult(WritingSql& writing, const std::string& task_key, const ResultRecord& record,
               absl::Time now) {
  Sql& sql = writing;
  const std::string state(kResultStateNames[static_cast<size_t>(record.state)]);
  const int64_t time = ToColumn(now);
  sql << "INSERT INTO results (task_key, state, reason, time) VALUES (:task, :state, :reason, "
         ":time) ON CONFLICT (task_key) DO UPDATE SET state = excluded.state, reason = "
         "excluded.reason, time = excluded.time",
      soci::use(task_key), soci::use(state), soci::use(record.reason), soci::use(time);
}

std::vector<BrokenStage> BrokenStagesOfJob(Sql& sql, const std::string& job) {
  BrokenStage row;
  std::string state;
  // From the broken ones, which are few, to the job's places.
  soci::statement select =
      (sql.prepare << "SELECT jt.stage, r.state, MIN(r.reason) FROM results r CROSS JOIN job_tasks "
                      "jt WHERE jt.task_key = r.task_key AND r.state <> 'whole' AND jt.job_id = "
                      ":job GROUP BY jt.stage, r.state ORDER BY jt.stage",
       soci::use(job), soci::into(row.stage), soci::into(state), soci::into(row.result.reason));
  select.execute();
  std::vector<BrokenStage> rows;
  while (select.fetch()) {
    row.result.state = StateOf(state);
    rows.push_back(row);
  }
  return rows;
}

std::vector<std::string> ResultsOfStage(Sql& sql, const std::string& job,
                                        const std::string& stage) {
  std::string key;
  soci::statement select =
      (sql.prepare << "SELECT DISTINCT r.task_key FROM job_tasks jt JOIN results r ON r.task_key = "
                      "jt.task_key WHERE jt.job_id = :job AND jt.stage = :stage",
       soci::use(job), soci::use(stage), soci::into(key));
  return Keys(select, key);
}

std::vector<std::string> ResultsMadeFrom(Sql& sql, const std::string& tenant,
                                         const std::string& task_key) {
  std::string key;
  soci::statement select =
      (sql.prepare << "SELECT DISTINCT r.task_key FROM task_outputs o JOIN task_inputs i ON i.blob "
                      "= o.blob JOIN results r ON r.task_key = i.task_key JOIN task_tenants tt ON "
                      "tt.task_key = r.task_key WHERE o.task_key = :task AND tt.tenant = :tenant",
       soci::use(task_key), soci::use(tenant), soci::into(key));
  return Keys(select, key);
}

std::vector<std::string> MakersOfInput(Sql& sql, const std::string& reader,
                                       const std::string& blob) {
  std::string key;
  soci::statement select =
      (sql.prepare << "SELECT DISTINCT o.task_key FROM task_inputs i JOIN task_outputs o ON o.blob "
                      "= i.blob JOIN job_tasks jt ON jt.task_key = o.task_key JOIN job_tasks mine "
                      "ON mine.job_id = jt.job_id WHERE i.task_key = :reader AND mine.task_key = "
                      ":same AND mine.open = 1 AND (o.blob = :blob OR EXISTS (SELECT 1 FROM pairs "
                      "p WHERE p.task_key = o.task_key AND :picture IN (p.image, p.mask, "
                      "p.view_image, p.view_mask)))",
       soci::use(reader), soci::use(reader), soci::use(blob), soci::use(blob), soci::into(key));
  return Keys(select, key);
}

std::vector<std::string> ReadersThatWait(Sql& sql, const std::string& task_key, absl::Time now) {
  std::string key;
  const int64_t time = ToColumn(now);
  soci::statement select =
      (sql.prepare << "SELECT DISTINCT i.task_key FROM task_outputs o JOIN task_inputs i ON i.blob "
                      "= o.blob JOIN task_trials tt ON tt.task_key = i.task_key JOIN tasks t ON "
                      "t.task_key = i.task_key WHERE o.task_key = :task AND tt.not_before > :now "
                      "AND t.state = 'queued'",
       soci::use(task_key), soci::use(time), soci::into(key));
  return Keys(select, key);
}

}  // namespace alignflow
