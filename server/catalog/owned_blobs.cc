#include "server/catalog/owned_blobs.h"

#include <array>
#include <map>
#include <utility>

#include "server/catalog/columns.h"
#include "server/catalog/soci.h"

namespace alignflow {
namespace {

std::vector<std::string> IdsAfter(Sql& sql, const char* table, const std::string& tenant,
                                  const std::string& after, int limit) {
  std::string id;
  soci::statement select = (sql.prepare << "SELECT id FROM " << table
                                        << " WHERE id > :after AND (:tenant = '' OR tenant = "
                                           ":same) ORDER BY id LIMIT "
                                        << limit,
                            soci::use(after), soci::use(tenant), soci::use(tenant), soci::into(id));
  select.execute();
  std::vector<std::string> ids;
  while (select.fetch()) ids.push_back(id);
  return ids;
}

void Add(std::string_view part, const std::string& blob, std::vector<OwnedBlob>& blobs) {
  if (!blob.empty()) blobs.push_back({.part = part, .blob = blob});
}

std::string_view PartOfRole(std::string_view role) {
  if (role == "pairs" || role == "masks") return "pairs";
  if (role == "model" || role == "segmenter" || role == "rules") return "models";
  return role == "pool" ? "other" : "report";
}

void AddReferences(Sql& sql, const std::string& job, std::vector<OwnedBlob>& blobs) {
  std::string blob;
  soci::statement select =
      (sql.prepare << "SELECT references_digest FROM jobs WHERE id = :job UNION ALL SELECT image "
                      "FROM job_references WHERE job_id = :of",
       soci::use(job), soci::use(job), soci::into(blob));
  select.execute();
  while (select.fetch()) Add("references", blob, blobs);
}

void AddOutputs(Sql& sql, const std::string& task, std::vector<OwnedBlob>& blobs) {
  std::string role, blob;
  soci::statement select =
      (sql.prepare << "SELECT role, blob FROM task_outputs WHERE task_key = :task", soci::use(task),
       soci::into(role), soci::into(blob));
  select.execute();
  while (select.fetch()) Add(PartOfRole(role), blob, blobs);
}

void AddPairs(Sql& sql, const std::string& task, std::vector<OwnedBlob>& blobs) {
  std::array<std::string, 4> pair;
  soci::statement select =
      (sql.prepare << "SELECT image, mask, view_image, view_mask FROM pairs WHERE task_key = :task",
       soci::use(task), soci::into(pair[0]), soci::into(pair[1]), soci::into(pair[2]),
       soci::into(pair[3]));
  select.execute();
  while (select.fetch()) {
    for (const std::string& blob : pair) Add("pairs", blob, blobs);
  }
}

}  // namespace

std::vector<std::string> DatasetsAfter(Sql& sql, const std::string& tenant,
                                       const std::string& after, int limit) {
  return IdsAfter(sql, "datasets", tenant, after, limit);
}

std::vector<std::string> JobsAfter(Sql& sql, const std::string& tenant, const std::string& after,
                                   int limit) {
  return IdsAfter(sql, "jobs", tenant, after, limit);
}

std::string DigestOfDataset(Sql& sql, const std::string& id) {
  std::string digest;
  sql << "SELECT digest FROM datasets WHERE id = :id", soci::use(id), soci::into(digest);
  return digest;
}

bool AddBlobsOfDataset(Sql& sql, const std::string& id, int items, DatasetCursor& cursor,
                       std::vector<OwnedBlob>& blobs) {
  if (cursor.ordinal < 0) Add("manifest", DigestOfDataset(sql, id), blobs);
  const int64_t after = cursor.ordinal;
  int64_t ordinal = 0;
  std::string image, mask;
  soci::statement select =
      (sql.prepare << "SELECT ordinal, image, mask FROM dataset_items WHERE dataset_id = :id AND "
                      "ordinal > :after ORDER BY ordinal LIMIT "
                   << items,
       soci::use(id), soci::use(after), soci::into(ordinal), soci::into(image), soci::into(mask));
  select.execute();
  int visited = 0;
  for (; select.fetch(); ++visited) {
    cursor.ordinal = ordinal;
    Add("images", image, blobs);
    Add("masks", mask, blobs);
  }
  return visited == items;
}

bool AddBlobsOfJob(Sql& sql, const std::string& id, int tasks, JobCursor& cursor,
                   std::vector<OwnedBlob>& blobs) {
  if (cursor.ordinal < 0) AddReferences(sql, id, blobs);
  const JobCursor after = cursor;
  JobCursor place;
  std::string task, kind, checkpoint;
  soci::statement select =
      (sql.prepare << "SELECT jt.stage, jt.ordinal, t.task_key, t.kind, t.checkpoint FROM "
                      "job_tasks jt JOIN tasks t ON t.task_key = jt.task_key WHERE jt.job_id = "
                      ":id AND (jt.stage, jt.ordinal) > (:stage, :ordinal) ORDER BY jt.stage, "
                      "jt.ordinal LIMIT "
                   << tasks,
       soci::use(id), soci::use(after.stage), soci::use(after.ordinal), soci::into(place.stage),
       soci::into(place.ordinal), soci::into(task), soci::into(kind), soci::into(checkpoint));
  select.execute();
  int visited = 0;
  for (; select.fetch(); ++visited) {
    cursor = place;
    if (kind == "prepare" || kind == "describe") continue;
    Add("checkpoints", checkpoint, blobs);
    AddOutputs(sql, task, blobs);
    AddPairs(sql, task, blobs);
  }
  return visited == tasks;
}

std::vector<PreparingTask> PreparingTasksAfter(Sql& sql, const std::string& tenant,
                                               const std::string& kind, int64_t row, int limit) {
  std::vector<PreparingTask> found;
  int64_t at = 0;
  std::string key, inputs;
  std::vector<std::string> keys;
  soci::statement select =
      (sql.prepare << "SELECT rowid, task_key, inputs FROM tasks WHERE kind = :kind AND rowid > "
                      ":row AND (:tenant = '' OR EXISTS (SELECT 1 FROM task_tenants tt WHERE "
                      "tt.task_key = tasks.task_key AND tt.tenant = :same)) ORDER BY rowid LIMIT "
                   << limit,
       soci::use(kind), soci::use(row), soci::use(tenant), soci::use(tenant), soci::into(at),
       soci::into(key), soci::into(inputs));
  select.execute();
  while (select.fetch()) {
    keys.push_back(key);
    found.push_back({.row = at, .inputs = {}, .outputs = {}});
    for (auto& [role, blob] : FromColumn<std::map<std::string, std::string>>(inputs)) {
      found.back().inputs.push_back(std::move(blob));
    }
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    std::vector<OwnedBlob> outputs;
    AddOutputs(sql, keys[i], outputs);
    for (OwnedBlob& output : outputs) found[i].outputs.push_back(std::move(output.blob));
  }
  return found;
}

}  // namespace alignflow
