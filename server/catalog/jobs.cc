#include "server/catalog/jobs.h"

#include "server/catalog/columns.h"
#include "server/catalog/soci.h"

namespace alignflow {
namespace {

constexpr char kSelectJobs[] =
    "SELECT id, tenant, sequence, COALESCE(request_id, ''), state, source, source_digest, target, "
    "target_digest, references_digest, pairs, preset, settings, warnings, error, create_time, "
    "start_time, end_time, last_event, event_time, kind, model, model_tasks, masks, masks_digest "
    "FROM jobs ";

std::vector<JobRecord> FetchJobs(Sql& sql, const std::string& where, const auto& value, int limit) {
  JobRecord row;
  std::string state, settings, warnings, kind, model_tasks;
  int64_t created = 0, started = 0, ended = 0, event = 0;
  soci::statement select =
      (sql.prepare << kSelectJobs << where << " ORDER BY sequence DESC LIMIT " << limit,
       soci::use(value), soci::into(row.id), soci::into(row.tenant), soci::into(row.sequence),
       soci::into(row.request_id), soci::into(state), soci::into(row.source),
       soci::into(row.source_digest), soci::into(row.target), soci::into(row.target_digest),
       soci::into(row.references_digest), soci::into(row.pairs), soci::into(row.preset),
       soci::into(settings), soci::into(warnings), soci::into(row.error), soci::into(created),
       soci::into(started), soci::into(ended), soci::into(row.last_event), soci::into(event),
       soci::into(kind), soci::into(row.model), soci::into(model_tasks), soci::into(row.masks),
       soci::into(row.masks_digest));
  select.execute();
  std::vector<JobRecord> rows;
  while (select.fetch()) {
    row.state = JobStateOf(state);
    row.kind = JobKindOf(kind);
    row.settings = FromColumn<SettingMap>(settings);
    row.model_tasks = FromColumn<std::map<std::string, std::string>>(model_tasks);
    row.warnings = FromColumn<std::vector<std::string>>(warnings);
    row.create_time = TimeOf(created);
    row.start_time = TimeOf(started);
    row.end_time = TimeOf(ended);
    row.event_time = TimeOf(event);
    rows.push_back(row);
  }
  return rows;
}

std::optional<JobRecord> FirstOf(const std::vector<JobRecord>& rows) {
  if (rows.empty()) return std::nullopt;
  return rows.front();
}

}  // namespace

void InsertJob(WritingSql& writing, JobRecord& record,
               const std::vector<ReferenceRecord>& references) {
  Sql& sql = writing;
  sql << "SELECT COALESCE(MAX(sequence), 0) + 1 FROM jobs", soci::into(record.sequence);
  const std::string state(StateName(record.state));
  const std::string settings = ToColumn(record.settings);
  const std::string warnings = ToColumn(record.warnings);
  const std::string kind(KindName(record.kind));
  const std::string model_tasks = ToColumn(record.model_tasks);
  const int64_t created = ToColumn(record.create_time);
  soci::indicator has_request = record.request_id.empty() ? soci::i_null : soci::i_ok;
  sql << "INSERT INTO jobs (id, tenant, sequence, request_id, state, source, source_digest, "
         "target, "
         "target_digest, references_digest, pairs, preset, settings, warnings, error, create_time, "
         "start_time, end_time, last_event, event_time, kind, model, model_tasks, masks, "
         "masks_digest) VALUES (:id, :tenant, :sequence, :request, :state, :source, "
         ":source_digest, :target, :target_digest, :refs, :pairs, :preset, :settings, :warnings, "
         "'', :created, 0, 0, 1, :event, :kind, :model, :model_tasks, :masks, :masks_digest)",
      soci::use(record.id), soci::use(record.tenant), soci::use(record.sequence),
      soci::use(record.request_id, has_request), soci::use(state), soci::use(record.source),
      soci::use(record.source_digest), soci::use(record.target), soci::use(record.target_digest),
      soci::use(record.references_digest), soci::use(record.pairs), soci::use(record.preset),
      soci::use(settings), soci::use(warnings), soci::use(created), soci::use(created),
      soci::use(kind), soci::use(record.model), soci::use(model_tasks), soci::use(record.masks),
      soci::use(record.masks_digest);
  int64_t ordinal = 0;
  for (const ReferenceRecord& reference : references) {
    sql << "INSERT INTO job_references (job_id, ordinal, stem, image, size_bytes) VALUES (:job, "
           ":ordinal, :stem, :image, :bytes)",
        soci::use(record.id), soci::use(ordinal), soci::use(reference.stem),
        soci::use(reference.image), soci::use(reference.size_bytes);
    ++ordinal;
  }
}

std::optional<JobRecord> FindJob(Sql& sql, const std::string& id) {
  return FirstOf(FetchJobs(sql, "WHERE id = :id", id, 1));
}

std::optional<JobRecord> FindJobByRequest(Sql& sql, const std::string& request_id) {
  return FirstOf(FetchJobs(sql, "WHERE request_id = :request", request_id, 1));
}

std::vector<JobRecord> ListJobs(Sql& sql, int64_t before, int limit) {
  return FetchJobs(sql, "WHERE sequence < :before", before, limit);
}

std::vector<ReferenceRecord> ReferencesOfJob(Sql& sql, const std::string& id) {
  ReferenceRecord row;
  soci::statement select =
      (sql.prepare << "SELECT stem, image, size_bytes FROM job_references WHERE job_id = :id ORDER "
                      "BY ordinal",
       soci::use(id), soci::into(row.stem), soci::into(row.image), soci::into(row.size_bytes));
  select.execute();
  std::vector<ReferenceRecord> rows;
  while (select.fetch()) rows.push_back(row);
  return rows;
}

void UpdateJob(WritingSql& writing, const JobRecord& record) {
  Sql& sql = writing;
  const std::string state(StateName(record.state));
  const std::string warnings = ToColumn(record.warnings);
  const int64_t started = ToColumn(record.start_time);
  const int64_t ended = ToColumn(record.end_time);
  sql << "UPDATE jobs SET state = :state, warnings = :warnings, error = :error, start_time = "
         ":started, end_time = :ended WHERE id = :id",
      soci::use(state), soci::use(warnings), soci::use(record.error), soci::use(started),
      soci::use(ended), soci::use(record.id);
}

void UpdateSettings(WritingSql& writing, const JobRecord& record) {
  Sql& sql = writing;
  const std::string settings = ToColumn(record.settings);
  sql << "UPDATE jobs SET settings = :settings WHERE id = :id", soci::use(settings),
      soci::use(record.id);
}

void AddEvent(WritingSql& writing, const std::string& id, absl::Time now) {
  Sql& sql = writing;
  const int64_t time = ToColumn(now);
  sql << "UPDATE jobs SET last_event = last_event + 1, event_time = :time WHERE id = :id",
      soci::use(time), soci::use(id);
}

void AddEventToUnfinishedJobs(WritingSql& writing, absl::Time now) {
  Sql& sql = writing;
  const int64_t time = ToColumn(now);
  sql << "UPDATE jobs SET last_event = last_event + 1, event_time = :time WHERE state IN "
         "('queued', 'running')",
      soci::use(time);
}

std::map<JobState, int64_t> CountJobs(Sql& sql) {
  std::string state;
  int64_t count = 0;
  soci::statement select =
      (sql.prepare << "SELECT state, jobs FROM job_counts", soci::into(state), soci::into(count));
  select.execute();
  std::map<JobState, int64_t> counts;
  while (select.fetch()) counts[JobStateOf(state)] = count;
  return counts;
}

}  // namespace alignflow
