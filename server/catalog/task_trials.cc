#include "server/catalog/task_trials.h"

#include <algorithm>

#include "server/catalog/columns.h"
#include "server/catalog/soci.h"

namespace alignflow {
namespace {

using Tried = std::map<std::string, std::string>;

std::string TriedColumn(const TaskTrials& trials) {
  Tried tried;
  for (const auto& [worker, outcome] : trials.tried) tried[worker] = OutcomeName(outcome);
  return ToColumn(tried);
}

std::map<std::string, LeaseOutcome> TriedOf(const std::string& column) {
  std::map<std::string, LeaseOutcome> tried;
  for (const auto& [worker, name] : FromColumn<Tried>(column)) {
    const auto outcome = std::ranges::find(kLeaseOutcomes, std::string_view(name), OutcomeName);
    if (outcome != kLeaseOutcomes.end()) tried[worker] = *outcome;
  }
  return tried;
}

}  // namespace

TaskTrials TrialsOfTask(Sql& sql, const std::string& task_key) {
  TaskTrials trials;
  int64_t not_before = 0;
  std::string tried;
  sql << "SELECT hand_backs, not_before, tried, memory_bytes FROM task_trials WHERE task_key = "
         ":task",
      soci::use(task_key), soci::into(trials.hand_backs), soci::into(not_before), soci::into(tried),
      soci::into(trials.memory_bytes);
  if (!sql.got_data()) return {};
  trials.not_before = TimeOf(not_before);
  trials.tried = TriedOf(tried);
  return trials;
}

void SetTrials(WritingSql& writing, const std::string& task_key, const TaskTrials& trials) {
  Sql& sql = writing;
  const int64_t not_before = ToColumn(trials.not_before);
  const std::string tried = TriedColumn(trials);
  sql << "INSERT INTO task_trials (task_key, hand_backs, not_before, tried, memory_bytes) VALUES "
         "(:task, :hand_backs, :not_before, :tried, :memory) ON CONFLICT (task_key) DO UPDATE SET "
         "hand_backs = excluded.hand_backs, not_before = excluded.not_before, tried = "
         "excluded.tried, memory_bytes = excluded.memory_bytes",
      soci::use(task_key), soci::use(trials.hand_backs), soci::use(not_before), soci::use(tried),
      soci::use(trials.memory_bytes);
}

void DeleteTrials(WritingSql& writing, const std::string& task_key) {
  Sql& sql = writing;
  sql << "DELETE FROM task_trials WHERE task_key = :task", soci::use(task_key);
}

void ShortenWaits(WritingSql& writing, absl::Time latest) {
  Sql& sql = writing;
  const int64_t time = ToColumn(latest);
  sql << "UPDATE task_trials SET not_before = :latest WHERE not_before > :after", soci::use(time),
      soci::use(time);
}

std::vector<std::string> TasksDue(Sql& sql, absl::Time after, absl::Time until) {
  const int64_t from = ToColumn(after), to = ToColumn(until);
  std::string key;
  soci::statement select =
      (sql.prepare << "SELECT r.task_key FROM task_trials r JOIN tasks t ON t.task_key = "
                      "r.task_key WHERE r.not_before > :after AND r.not_before <= :until AND "
                      "t.state = 'queued'",
       soci::use(from), soci::use(to), soci::into(key));
  select.execute();
  std::vector<std::string> keys;
  while (select.fetch()) keys.push_back(key);
  return keys;
}

void AddLeaseEnd(WritingSql& writing, const std::string& task_key, LeaseOutcome outcome,
                 const std::string& message, absl::Time now) {
  Sql& sql = writing;
  const std::string name(OutcomeName(outcome));
  const int64_t time = ToColumn(now);
  sql << "INSERT INTO lease_ends (job_id, stage, outcome, ends, message, time) SELECT DISTINCT "
         "job_id, stage, :outcome, 1, :message, CAST(:time AS BIGINT) FROM job_tasks WHERE "
         "task_key "
         "= :task AND open = 1 ON CONFLICT (job_id, stage, outcome) DO UPDATE SET ends = "
         "lease_ends.ends + 1, message = excluded.message, time = excluded.time",
      soci::use(name), soci::use(message), soci::use(time), soci::use(task_key);
}

std::map<std::string, std::vector<LeaseEndCount>> LeaseEndsOfJob(Sql& sql, const std::string& job) {
  std::string stage;
  LeaseEndCount row;
  int64_t time = 0;
  soci::statement select =
      (sql.prepare << "SELECT stage, outcome, ends, message, time FROM lease_ends WHERE job_id = "
                      ":job ORDER BY stage, outcome",
       soci::use(job), soci::into(stage), soci::into(row.outcome), soci::into(row.count),
       soci::into(row.message), soci::into(time));
  select.execute();
  std::map<std::string, std::vector<LeaseEndCount>> ends;
  while (select.fetch()) {
    row.time = TimeOf(time);
    ends[stage].push_back(row);
  }
  return ends;
}

std::map<std::string, std::string> ClosedWorkers(Sql& sql) {
  std::string worker, mode;
  soci::statement select = (sql.prepare << "SELECT worker, mode FROM closed_workers",
                            soci::into(worker), soci::into(mode));
  select.execute();
  std::map<std::string, std::string> modes;
  while (select.fetch()) modes[worker] = mode;
  return modes;
}

void SetWorkerMode(WritingSql& writing, const std::string& worker, const std::string& mode) {
  Sql& sql = writing;
  sql << "DELETE FROM closed_workers WHERE worker = :worker", soci::use(worker);
  if (mode.empty()) return;
  sql << "INSERT INTO closed_workers (worker, mode) VALUES (:worker, :mode)", soci::use(worker),
      soci::use(mode);
}

}  // namespace alignflow
