#ifndef ALIGNFLOW_SERVER_CATALOG_RESULTS_H_
#define ALIGNFLOW_SERVER_CATALOG_RESULTS_H_

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
void SetPairs(Sql& sql, const std::string& task_key, const std::vector<PairRecord>& pairs);
// By index.
std::vector<PairRecord> PairsOfTask(Sql& sql, const std::string& task_key);

// A model that is there already gets the new weights. Sets record.sequence.
void InsertModel(Sql& sql, ModelRecord& record);
std::optional<ModelRecord> FindModel(Sql& sql, const std::string& id);
// The ids of the models that the job's stages fit and align have made, by stage.
std::map<std::string, std::string> ModelsOfJob(Sql& sql, const std::string& job);
// Newest first, those with a sequence below `before`.
std::vector<ModelRecord> ListModels(Sql& sql, int64_t before, int limit);
void DeleteModel(Sql& sql, const std::string& id);

// Whether a task has the blob as its checkpoint or output.
bool TasksReferTo(Sql& sql, const std::string& blob);

// Every blob that something refers to, by digest; some more than once.
void ForEachReferencedBlob(Sql& sql, const std::function<void(const std::string&)>& visit);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_RESULTS_H_
