#ifndef ALIGNFLOW_SERVER_CATALOG_TASKS_H_
#define ALIGNFLOW_SERVER_CATALOG_TASKS_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "server/catalog/catalog.h"
#include "server/catalog/records.h"

// The tables of tasks and their outputs. Within Catalog::Transact only.
namespace alignflow {

// The key must be free.
void InsertTask(WritingSql& sql, const TaskRecord& record);
std::optional<TaskRecord> FindTask(Sql& sql, const std::string& key);
// Writes everything but key and spec, which never change.
void UpdateTask(WritingSql& sql, const TaskRecord& record);
// The tenant's queued task of the least rank that `fits`. Tasks that load a model which is not
// among `models` are passed over without being read.
std::optional<TaskRecord> NextQueuedTask(Sql& sql, const std::string& tenant,
                                         const std::vector<std::string>& models,
                                         const std::function<bool(const TaskRecord&)>& fits);
// One of the job's queued tasks.
std::optional<TaskRecord> QueuedTaskOfJob(Sql& sql, const std::string& job);
std::vector<TaskRecord> TasksInState(Sql& sql, TaskState state);
std::map<TaskState, int64_t> CountTasks(Sql& sql);

// Role -> digest. Empty if the task has none (any more).
TaskOutputs OutputsOfTask(Sql& sql, const std::string& key);
// A task that put out the blob in this role, of one of the tenants that have the task `reader`.
std::optional<TaskRecord> FindTaskThatMade(Sql& sql, const std::string& role,
                                           const std::string& blob, const std::string& reader);
// Replaces what was there.
void SetOutputs(WritingSql& sql, const std::string& key, const TaskOutputs& outputs);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_TASKS_H_
