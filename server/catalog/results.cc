#include "server/catalog/results.h"

#include <array>

#include "server/catalog/columns.h"
#include "server/catalog/insert_rows.h"
#include "server/catalog/soci.h"

namespace alignflow {
namespace {

constexpr char kSelectModels[] =
    "SELECT id, sequence, task_key, stage, preset, weights, source_digest, create_time FROM "
    "models ";

// `where` has as many parameters as there are values.
std::vector<ModelRecord> FetchModels(Sql& sql, const std::string& where, int limit,
                                     const auto&... values) {
  ModelRecord row;
  int64_t created = 0;
  soci::statement select =
      ((sql.prepare << kSelectModels << where << " ORDER BY sequence DESC LIMIT " << limit,
        soci::into(row.id), soci::into(row.sequence), soci::into(row.task_key),
        soci::into(row.stage), soci::into(row.preset), soci::into(row.weights),
        soci::into(row.source_digest), soci::into(created)),
       ..., soci::use(values));
  select.execute();
  std::vector<ModelRecord> rows;
  while (select.fetch()) {
    row.create_time = TimeOf(created);
    rows.push_back(row);
  }
  return rows;
}

// Tables that refer to blobs, each with four columns of them, where it has fewer empty ones.
struct References {
  const char* table;
  const char* columns;
};
constexpr std::array<References, 7> kReferences = {
    {{"datasets", "digest, '', '', ''"},
     {"dataset_items", "image, mask, '', ''"},
     {"jobs", "references_digest, '', '', ''"},
     {"job_references", "image, '', '', ''"},
     {"tasks", "checkpoint, '', '', ''"},
     {"task_outputs", "blob, '', '', ''"},
     {"pairs", "image, mask, view_image, view_mask"}}};

std::optional<ModelRecord> FirstOf(const std::vector<ModelRecord>& rows) {
  if (rows.empty()) return std::nullopt;
  return rows.front();
}

}  // namespace

void SetPairs(WritingSql& writing, const std::string& task_key,
              const std::vector<PairRecord>& pairs) {
  Sql& sql = writing;
  sql << "DELETE FROM pairs WHERE task_key = :task", soci::use(task_key);
  std::vector<std::vector<std::string>> rows;
  rows.reserve(pairs.size());
  for (const PairRecord& pair : pairs) {
    rows.push_back({task_key, std::to_string(pair.index), pair.image, pair.mask, pair.view_image,
                    pair.view_mask, pair.record_json, pair.left_out});
  }
  InsertRows(writing, "pairs",
             {"task_key", "pair", "image", "mask", "view_image", "view_mask", "record", "left_out"},
             rows);
}

std::vector<PairRecord> PairsOfTask(Sql& sql, const std::string& task_key) {
  PairRecord row;
  soci::statement select =
      (sql.prepare << "SELECT pair, image, mask, view_image, view_mask, record, left_out FROM "
                      "pairs WHERE task_key = :task ORDER BY pair",
       soci::use(task_key), soci::into(row.index), soci::into(row.image), soci::into(row.mask),
       soci::into(row.view_image), soci::into(row.view_mask), soci::into(row.record_json),
       soci::into(row.left_out));
  select.execute();
  std::vector<PairRecord> rows;
  while (select.fetch()) rows.push_back(row);
  return rows;
}

void InsertModel(WritingSql& writing, ModelRecord& record) {
  Sql& sql = writing;
  sql << "SELECT COALESCE(MAX(sequence), 0) + 1 FROM models", soci::into(record.sequence);
  const int64_t created = ToColumn(record.create_time);
  sql << "INSERT INTO models (id, sequence, task_key, stage, preset, weights, source_digest, "
         "create_time) VALUES (:id, :sequence, :task, :stage, :preset, :weights, :source, "
         ":created) ON CONFLICT (id) DO UPDATE SET weights = excluded.weights",
      soci::use(record.id), soci::use(record.sequence), soci::use(record.task_key),
      soci::use(record.stage), soci::use(record.preset), soci::use(record.weights),
      soci::use(record.source_digest), soci::use(created);
}

std::optional<ModelRecord> FindModel(Sql& sql, const std::string& id) {
  return FirstOf(FetchModels(sql, "WHERE id = :id", 1, id));
}

std::map<std::string, std::string> ModelsOfJob(Sql& sql, const std::string& job) {
  std::string stage, model;
  soci::statement select =
      (sql.prepare << "SELECT jt.stage, m.id FROM job_tasks jt JOIN models m ON m.task_key = "
                      "jt.task_key WHERE jt.job_id = :job AND jt.stage IN ('fit', 'align')",
       soci::use(job), soci::into(stage), soci::into(model));
  select.execute();
  std::map<std::string, std::string> models;
  while (select.fetch()) models[stage] = model;
  return models;
}

bool TenantHasModel(Sql& sql, const std::string& tenant, const ModelRecord& model) {
  int found = 0;
  sql << "SELECT 1 FROM tenant_models WHERE tenant = :tenant AND sequence = :sequence",
      soci::use(tenant), soci::use(model.sequence), soci::into(found);
  return sql.got_data();
}

std::vector<ModelRecord> ListModels(Sql& sql, const std::string& tenant, int64_t before,
                                    int limit) {
  // From the tenant's own to the models.
  return FetchModels(sql,
                     "WHERE sequence IN (SELECT sequence FROM tenant_models WHERE tenant = :tenant "
                     "AND sequence < :before ORDER BY sequence DESC LIMIT " +
                         std::to_string(limit) + ")",
                     limit, tenant, before);
}

bool LeaveModel(WritingSql& writing, const std::string& tenant, const ModelRecord& model) {
  Sql& sql = writing;
  int others = 0;
  sql << "SELECT COUNT(*) FROM tenant_models WHERE sequence = :sequence AND tenant <> :tenant",
      soci::use(model.sequence), soci::use(tenant), soci::into(others);
  if (others == 0) return false;
  sql << "DELETE FROM tenant_models WHERE sequence = :sequence AND tenant = :tenant",
      soci::use(model.sequence), soci::use(tenant);
  return true;
}

void DeleteModel(WritingSql& writing, const std::string& id) {
  Sql& sql = writing;
  sql << "DELETE FROM models WHERE id = :id", soci::use(id);
}

bool TasksReferTo(Sql& sql, const std::string& blob) {
  int found = 0;
  sql << "SELECT 1 FROM tasks WHERE checkpoint = :checkpoint AND checkpoint <> '' UNION ALL SELECT "
         "1 "
         "FROM task_outputs WHERE blob = :blob LIMIT 1",
      soci::use(blob), soci::use(blob), soci::into(found);
  return sql.got_data();
}

bool VisitReferences(Sql& sql, int rows, ReferenceCursor& cursor,
                     const std::function<void(const std::string&)>& visit) {
  if (cursor.table >= kReferences.size()) return false;
  const References& from = kReferences[cursor.table];
  std::array<std::string, 4> blobs;
  int visited = 0;
  int64_t row = 0;
  const int64_t after = cursor.row;
  soci::statement select =
      (sql.prepare << "SELECT rowid, " << from.columns << " FROM " << from.table
                   << " WHERE rowid > :row ORDER BY rowid LIMIT " << rows,
       soci::use(after), soci::into(row), soci::into(blobs[0]), soci::into(blobs[1]),
       soci::into(blobs[2]), soci::into(blobs[3]));
  select.execute();
  while (select.fetch()) {
    ++visited;
    cursor.row = row;
    for (const std::string& blob : blobs) {
      if (!blob.empty()) visit(blob);
    }
  }
  if (visited < rows) cursor = {.table = cursor.table + 1, .row = 0};
  return cursor.table < kReferences.size();
}

}  // namespace alignflow
