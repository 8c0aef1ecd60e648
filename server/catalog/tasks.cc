#include "server/catalog/tasks.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/catalog/columns.h"
#include "server/catalog/migrations.h"
#include "server/catalog/soci.h"
#include "server/scheduler/placement.h"

namespace alignflow {
namespace {

using Settings = std::map<std::string, std::string>;
using ProgressValues = std::map<std::string, double>;

constexpr int64_t kFirstPage = 16;

// A task as it lies in its row.
struct TaskRow {
  TaskRecord record;
  std::string settings, inputs, state, values;
  int64_t expires = 0, queued = 0, started = 0, ended = 0;

  TaskRow() = default;
  explicit TaskRow(const TaskRecord& from)
      : record(from),
        settings(ToColumn(from.spec.settings)),
        inputs(ToColumn(from.spec.inputs)),
        state(StateName(from.state)),
        values(ToColumn(from.progress.values)),
        expires(ToColumn(from.lease_expires)),
        queued(ToColumn(from.queue_time)),
        started(ToColumn(from.start_time)),
        ended(ToColumn(from.end_time)) {}

  TaskRecord Record() const {
    TaskRecord result = record;
    result.spec.settings = FromColumn<Settings>(settings);
    result.spec.inputs = FromColumn<Settings>(inputs);
    result.state = TaskStateOf(state);
    result.progress.values = FromColumn<ProgressValues>(values);
    result.lease_expires = TimeOf(expires);
    result.queue_time = TimeOf(queued);
    result.start_time = TimeOf(started);
    result.end_time = TimeOf(ended);
    return result;
  }
};

constexpr char kSelectTasks[] =
    "SELECT t.task_key, t.kind, t.settings, t.inputs, t.state, t.attempt, t.worker, "
    "t.lease_expires, t.reported, t.failures, t.losses, t.checkpoint, t.error, t.step, t.total, "
    "t.progress_values, t.note, t.pairs, t.pairs_left_out, t.queue_time, t.start_time, t.end_time, "
    "t.job_rank, t.stage_rank, t.ordinal_rank, t.tenant FROM tasks t ";

// Visits the rows of "SELECT ... FROM tasks t" + `rest`, which has as many parameters as `values`,
// until `visit` returns false. Returns how many there were.
template <typename... Values>
int VisitTasks(Sql& sql, const std::function<bool(TaskRecord)>& visit, const std::string& rest,
               const Values&... values) {
  TaskRow row;
  soci::statement select(sql);
  (select.exchange(soci::use(values)), ...);
  select.exchange(soci::into(row.record.key));
  select.exchange(soci::into(row.record.spec.kind));
  select.exchange(soci::into(row.settings));
  select.exchange(soci::into(row.inputs));
  select.exchange(soci::into(row.state));
  select.exchange(soci::into(row.record.attempt));
  select.exchange(soci::into(row.record.worker));
  select.exchange(soci::into(row.expires));
  select.exchange(soci::into(row.record.reported));
  select.exchange(soci::into(row.record.failures));
  select.exchange(soci::into(row.record.losses));
  select.exchange(soci::into(row.record.checkpoint));
  select.exchange(soci::into(row.record.error));
  select.exchange(soci::into(row.record.progress.step));
  select.exchange(soci::into(row.record.progress.total));
  select.exchange(soci::into(row.values));
  select.exchange(soci::into(row.record.progress.note));
  select.exchange(soci::into(row.record.pairs));
  select.exchange(soci::into(row.record.pairs_left_out));
  select.exchange(soci::into(row.queued));
  select.exchange(soci::into(row.started));
  select.exchange(soci::into(row.ended));
  select.exchange(soci::into(row.record.rank.turn));
  select.exchange(soci::into(row.record.rank.stage));
  select.exchange(soci::into(row.record.rank.ordinal));
  select.exchange(soci::into(row.record.tenant));
  select.alloc();
  select.prepare(kSelectTasks + rest);
  select.define_and_bind();
  select.execute();
  int visited = 0;
  while (select.fetch()) {
    ++visited;
    if (!visit(row.Record())) break;
  }
  return visited;
}

// All of them.
template <typename... Values>
std::vector<TaskRecord> FetchTasks(Sql& sql, const std::string& rest, const Values&... values) {
  std::vector<TaskRecord> rows;
  const auto add = [&](TaskRecord row) {
    rows.push_back(std::move(row));
    return true;
  };
  VisitTasks(sql, add, rest, values...);
  return rows;
}

std::optional<TaskRecord> FirstOf(const std::vector<TaskRecord>& rows) {
  if (rows.empty()) return std::nullopt;
  return rows.front();
}

}  // namespace

void InsertTask(WritingSql& writing, const TaskRecord& record) {
  Sql& sql = writing;
  const TaskRow row(record);
  const std::string model = NeedsOf(record.spec).model;
  sql << "INSERT INTO tasks (task_key, kind, settings, inputs, state, attempt, worker, "
         "lease_expires, reported, failures, losses, checkpoint, error, step, total, "
         "progress_values, note, pairs, queue_time, start_time, end_time, job_rank, stage_rank, "
         "ordinal_rank, model, tenant) VALUES (:task, :kind, :settings, :inputs, :state, 0, '', 0, "
         "'', 0, "
         "0, '', '', 0, 0, '{}', '', 0, :queued, 0, 0, :job_rank, :stage_rank, :ordinal_rank, "
         ":model, :tenant)",
      soci::use(record.key), soci::use(record.spec.kind), soci::use(row.settings),
      soci::use(row.inputs), soci::use(row.state), soci::use(row.queued),
      soci::use(record.rank.turn), soci::use(record.rank.stage), soci::use(record.rank.ordinal),
      soci::use(model), soci::use(record.tenant);
}

std::optional<TaskRecord> FindTask(Sql& sql, const std::string& key) {
  return FirstOf(FetchTasks(sql, "WHERE t.task_key = :task", key));
}

void UpdateTask(WritingSql& writing, const TaskRecord& record) {
  Sql& sql = writing;
  const TaskRow row(record);
  sql << "UPDATE tasks SET state = :state, attempt = :attempt, worker = :worker, lease_expires = "
         ":expires, reported = :reported, failures = :failures, losses = :losses, checkpoint = "
         ":checkpoint, error = :error, step = :step, total = :total, progress_values = :vals, "
         "note = :note, pairs = :pairs, pairs_left_out = :left_out, queue_time = :queued, "
         "start_time = :started, end_time = :ended, job_rank = :job_rank, stage_rank = "
         ":stage_rank, ordinal_rank = :ordinal_rank, tenant = :tenant WHERE task_key = :task",
      soci::use(row.state), soci::use(record.attempt), soci::use(record.worker),
      soci::use(row.expires), soci::use(record.reported), soci::use(record.failures),
      soci::use(record.losses), soci::use(record.checkpoint), soci::use(record.error),
      soci::use(record.progress.step), soci::use(record.progress.total), soci::use(row.values),
      soci::use(record.progress.note), soci::use(record.pairs), soci::use(record.pairs_left_out),
      soci::use(row.queued), soci::use(row.started), soci::use(row.ended),
      soci::use(record.rank.turn), soci::use(record.rank.stage), soci::use(record.rank.ordinal),
      soci::use(record.tenant), soci::use(record.key);
}

std::optional<TaskRecord> NextQueuedTask(Sql& sql, const std::string& tenant,
                                         const std::vector<std::string>& models,
                                         const std::function<bool(const TaskRecord&)>& fits) {
  const std::string known = absl::StrCat("/", absl::StrJoin(models, "/"), "/");
  std::optional<TaskRecord> next;
  const auto take_if_it_fits = [&](TaskRecord task) {
    if (!fits(task)) return true;
    next = std::move(task);
    return false;
  };
  const std::string queue =
      "WHERE t.tenant = :tenant AND t.state = 'queued' AND (t.model = '' OR instr(:known, '/' || "
      "t.model || '/') > 0) ORDER BY t.job_rank, t.stage_rank, t.ordinal_rank";
  // SQLite gives one row after the other, PostgreSQL all at once: there it is asked for more and
  // more of them.
  if (!IsPostgres(sql)) {
    VisitTasks(sql, take_if_it_fits, queue, tenant, known);
    return next;
  }
  for (int64_t first = 0, page = kFirstPage; !next; first += page, page *= 2) {
    const std::string part = absl::StrCat(queue, ", t.task_key LIMIT ", page, " OFFSET ", first);
    if (VisitTasks(sql, take_if_it_fits, part, tenant, known) < page) break;
  }
  return next;
}

std::optional<TaskRecord> QueuedTaskOfJob(Sql& sql, const std::string& job) {
  return FirstOf(FetchTasks(sql,
                            "JOIN job_tasks jt ON jt.task_key = t.task_key WHERE t.state = "
                            "'queued' AND jt.job_id = :job AND jt.open = 1 LIMIT 1",
                            job));
}

std::vector<TaskRecord> TasksInState(Sql& sql, TaskState state) {
  const std::string name(StateName(state));
  return FetchTasks(sql, "WHERE t.state = :state ORDER BY t.task_key", name);
}

std::map<TaskState, int64_t> CountTasks(Sql& sql) {
  std::string state;
  int64_t count = 0;
  soci::statement select =
      (sql.prepare << "SELECT state, tasks FROM task_counts", soci::into(state), soci::into(count));
  select.execute();
  std::map<TaskState, int64_t> counts;
  while (select.fetch()) counts[TaskStateOf(state)] = count;
  return counts;
}

TaskOutputs OutputsOfTask(Sql& sql, const std::string& key) {
  std::string role, blob;
  soci::statement select =
      (sql.prepare << "SELECT role, blob FROM task_outputs WHERE task_key = :task", soci::use(key),
       soci::into(role), soci::into(blob));
  select.execute();
  TaskOutputs outputs;
  while (select.fetch()) outputs[role] = blob;
  return outputs;
}

std::optional<TaskRecord> FindTaskThatMade(Sql& sql, const std::string& role,
                                           const std::string& blob, const std::string& reader) {
  std::string key;
  sql << "SELECT o.task_key FROM task_outputs o WHERE o.role = :role AND o.blob = :blob AND EXISTS "
         "(SELECT 1 FROM task_tenants mine JOIN task_tenants its ON its.tenant = mine.tenant WHERE "
         "mine.task_key = :reader AND its.task_key = o.task_key) LIMIT 1",
      soci::use(role), soci::use(blob), soci::use(reader), soci::into(key);
  if (!sql.got_data()) return std::nullopt;
  return FindTask(sql, key);
}

void SetOutputs(WritingSql& writing, const std::string& key, const TaskOutputs& outputs) {
  Sql& sql = writing;
  sql << "DELETE FROM task_outputs WHERE task_key = :task", soci::use(key);
  for (const auto& [role, blob] : outputs) {
    sql << "INSERT INTO task_outputs (task_key, role, blob) VALUES (:task, :role, :blob)",
        soci::use(key), soci::use(role), soci::use(blob);
  }
}

}  // namespace alignflow
