#ifndef ALIGNFLOW_SERVER_CATALOG_RESULTS_H_
#define ALIGNFLOW_SERVER_CATALOG_RESULTS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "server/catalog/catalog.h"
#include "server/catalog/records.h"

// The tables of pairs and models, and which blobs the catalog refers to. Within Catalog::Transact
// only.
namespace alignflow {

// Replaces the task's pairs.
void SetPairs(WritingSql& sql, const std::string& task_key, const std::vector<PairRecord>& pairs);
// By index.
std::vector<PairRecord> PairsOfTask(Sql& sql, const std::string& task_key);

// A model that is there already gets the new weights. Sets record.sequence.
void InsertModel(WritingSql& sql, ModelRecord& record);
std::optional<ModelRecord> FindModel(Sql& sql, const std::string& id);
// The ids of the models that the job's stages fit and align have made, by stage.
std::map<std::string, std::string> ModelsOfJob(Sql& sql, const std::string& job);
// Whether the tenant is shown the model: a job of its own has its task.
bool TenantHasModel(Sql& sql, const std::string& tenant, const ModelRecord& model);
// Those that the tenant is shown, newest first, with a sequence below `before`.
std::vector<ModelRecord> ListModels(Sql& sql, const std::string& tenant, int64_t before, int limit);
void DeleteModel(WritingSql& sql, const std::string& id);
// Takes the model from one of several tenants that share it. False if no other has it.
bool LeaveModel(WritingSql& sql, const std::string& tenant, const ModelRecord& model);

// Whether a task has the blob as its checkpoint or output.
bool TasksReferTo(Sql& sql, const std::string& blob);

// How far a walk over all references to blobs has come.
struct ReferenceCursor {
  size_t table = 0;
  int64_t row = 0;
};
// Rows of a step that keeps nobody waiting.
inline constexpr int kReferenceRows = 5000;
// Visits the blobs, by digest and some more than once, that the next `rows` rows refer to. Returns
// whether there are more. Each call may be a transaction of its own: whatever comes to refer to a
// blob that was there asks the store for it, which makes it young.
bool VisitReferences(Sql& sql, int rows, ReferenceCursor& cursor,
                     const std::function<void(const std::string&)>& visit);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_RESULTS_H_
