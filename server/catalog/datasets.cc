#include "server/catalog/datasets.h"

#include "server/catalog/columns.h"
#include "server/catalog/insert_rows.h"
#include "server/catalog/retention.h"
#include "server/catalog/soci.h"

namespace alignflow {
namespace {

constexpr char kSelectDatasets[] =
    "SELECT id, tenant, sequence, digest, labels, item_count, size_bytes, smallest, largest, "
    "mask_facts, "
    "create_time, keep_jobs FROM datasets ";

// `where` has as many parameters as there are values.
std::vector<DatasetRecord> FetchDatasets(Sql& sql, const std::string& where, int limit,
                                         const auto&... values) {
  DatasetRecord row;
  int64_t created = 0, keep_jobs = 0;
  soci::statement select =
      ((sql.prepare << kSelectDatasets << where << " ORDER BY sequence DESC LIMIT " << limit,
        soci::into(row.id), soci::into(row.tenant), soci::into(row.sequence),
        soci::into(row.digest), soci::into(row.labels), soci::into(row.item_count),
        soci::into(row.size_bytes), soci::into(row.smallest), soci::into(row.largest),
        soci::into(row.mask_facts), soci::into(created), soci::into(keep_jobs)),
       ..., soci::use(values));
  select.execute();
  std::vector<DatasetRecord> rows;
  while (select.fetch()) {
    row.create_time = TimeOf(created);
    row.keep_jobs = RetentionOf(keep_jobs);
    rows.push_back(row);
  }
  return rows;
}

// Tasks of the kind that read one of the blobs that `blobs`, a query about `source`, finds, and
// that no job of another tenant has.
std::vector<std::string> TasksThatRead(Sql& sql, const std::string& tenant, const std::string& kind,
                                       const std::string& blobs, const std::string& source) {
  std::string key;
  soci::statement select =
      (sql.prepare << "SELECT DISTINCT t.task_key FROM task_inputs i JOIN tasks t ON t.task_key = "
                      "i.task_key WHERE i.blob IN ("
                   << blobs
                   << ") AND t.kind = :kind AND NOT EXISTS (SELECT 1 FROM task_tenants tt WHERE "
                      "tt.task_key = t.task_key AND tt.tenant <> :tenant)",
       soci::use(source), soci::use(kind), soci::use(tenant), soci::into(key));
  select.execute();
  std::vector<std::string> keys;
  while (select.fetch()) keys.push_back(key);
  return keys;
}

// The task's blobs may go at any time, so it must not count as done. That its result was bad stays
// known.
void ForgetResult(WritingSql& writing, const std::string& task_key) {
  Sql& sql = writing;
  sql << "DELETE FROM task_outputs WHERE task_key = :task", soci::use(task_key);
  sql << "DELETE FROM results WHERE task_key = :task AND state <> 'bad'", soci::use(task_key);
}

}  // namespace

void InsertDataset(WritingSql& writing, DatasetRecord& record,
                   const std::vector<DatasetBlobs>& items) {
  Sql& sql = writing;
  sql << "SELECT COALESCE(MAX(sequence), 0) + 1 FROM datasets", soci::into(record.sequence);
  const int64_t created = ToColumn(record.create_time);
  sql << "INSERT INTO datasets (id, tenant, sequence, digest, labels, item_count, size_bytes, "
         "smallest, "
         "largest, mask_facts, create_time) VALUES (:id, :tenant, :sequence, :digest, :labels, "
         ":count, "
         ":bytes, :smallest, :largest, :facts, :created)",
      soci::use(record.id), soci::use(record.tenant), soci::use(record.sequence),
      soci::use(record.digest), soci::use(record.labels), soci::use(record.item_count),
      soci::use(record.size_bytes), soci::use(record.smallest), soci::use(record.largest),
      soci::use(record.mask_facts), soci::use(created);
  std::vector<std::vector<std::string>> rows;
  rows.reserve(items.size());
  for (const DatasetBlobs& item : items) {
    rows.push_back(
        {record.id, std::to_string(rows.size()), item.image, item.mask, item.fingerprint});
  }
  InsertRows(writing, "dataset_items", {"dataset_id", "ordinal", "image", "mask", "fingerprint"},
             rows);
}

std::optional<DatasetRecord> FindDataset(Sql& sql, const std::string& id) {
  std::vector<DatasetRecord> rows = FetchDatasets(sql, "WHERE id = :id", 1, id);
  if (rows.empty()) return std::nullopt;
  return rows.front();
}

std::optional<DatasetRecord> FindDatasetOfDigest(Sql& sql, const std::string& tenant,
                                                 const std::string& digest) {
  std::vector<DatasetRecord> rows =
      FetchDatasets(sql, "WHERE tenant = :tenant AND digest = :digest", 1, tenant, digest);
  if (rows.empty()) return std::nullopt;
  return rows.front();
}

std::vector<DatasetBlobs> ItemsOfDataset(Sql& sql, const std::string& id) {
  DatasetBlobs row;
  soci::statement select =
      (sql.prepare << "SELECT image, mask, fingerprint FROM dataset_items "
                      "WHERE dataset_id = :id ORDER BY ordinal",
       soci::use(id), soci::into(row.image), soci::into(row.mask), soci::into(row.fingerprint));
  select.execute();
  std::vector<DatasetBlobs> rows;
  while (select.fetch()) rows.push_back(row);
  return rows;
}

std::vector<DatasetRecord> ListDatasets(Sql& sql, const std::string& tenant, int64_t before,
                                        int limit) {
  return FetchDatasets(sql, "WHERE tenant = :tenant AND sequence < :before", limit, tenant, before);
}

void DeleteDataset(WritingSql& writing, const std::string& id) {
  Sql& sql = writing;
  std::string digest, tenant;
  sql << "SELECT digest, tenant FROM datasets WHERE id = :id", soci::use(id), soci::into(digest),
      soci::into(tenant);
  if (!sql.got_data()) return;
  sql << "DELETE FROM datasets WHERE id = :id", soci::use(id);
  int others = 0;
  sql << "SELECT COUNT(*) FROM datasets WHERE digest = :digest AND tenant = :tenant",
      soci::use(digest), soci::use(tenant), soci::into(others);
  if (others > 0) return;
  // What was prepared from it holds its images; the statistics hold pictures of 16 x 16 pixels.
  for (const std::string& prepared :
       TasksThatRead(sql, tenant, "prepare", "SELECT :source", digest)) {
    for (const std::string& described :
         TasksThatRead(sql, tenant, "describe",
                       "SELECT blob FROM task_outputs WHERE task_key = :source AND role = 'packed'",
                       prepared)) {
      ForgetResult(writing, described);
    }
    ForgetResult(writing, prepared);
  }
}

std::optional<std::string> UnfinishedJobWithDataset(Sql& sql, const std::string& id) {
  std::string job;
  sql << "SELECT id FROM jobs WHERE state IN ('queued', 'running') AND (source = :source OR "
         "target = :target OR masks = :masks) ORDER BY sequence LIMIT 1",
      soci::use(id), soci::use(id), soci::use(id), soci::into(job);
  if (!sql.got_data()) return std::nullopt;
  return job;
}

}  // namespace alignflow
