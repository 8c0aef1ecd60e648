#ifndef ALIGNFLOW_SERVER_CATALOG_JOBS_H_
#define ALIGNFLOW_SERVER_CATALOG_JOBS_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "server/catalog/catalog.h"
#include "server/catalog/records.h"

// The tables of jobs and of the tasks' places in them. Within Catalog::Transact only.
namespace alignflow {

// The id and the request id must be free. Sets record.sequence.
void InsertJob(Sql& sql, JobRecord& record, const std::vector<ReferenceRecord>& references);
std::optional<JobRecord> FindJob(Sql& sql, const std::string& id);
std::optional<JobRecord> FindJobByRequest(Sql& sql, const std::string& request_id);
// Newest first, those with a sequence below `before`.
std::vector<JobRecord> ListJobs(Sql& sql, int64_t before, int limit);
std::vector<ReferenceRecord> ReferencesOfJob(Sql& sql, const std::string& id);
// Writes state, warnings, error and times; the rest of a job never changes.
void UpdateJob(Sql& sql, const JobRecord& record);
// Gives the job's next event a number and a time.
void AddEvent(Sql& sql, const std::string& id, absl::Time now);
// The same for every queued job: why it waits may have changed.
void AddEventToQueuedJobs(Sql& sql, absl::Time now);
// 0 if there is no such job.
int64_t LastEvent(Sql& sql, const std::string& id);
std::map<JobState, int64_t> CountJobs(Sql& sql);

void InsertJobTask(Sql& sql, const std::string& job, const JobTaskRecord& place);
// Says which task stands at (job, stage, ordinal).
void NameJobTask(Sql& sql, const std::string& job, const JobTaskRecord& place);
std::optional<JobTaskRecord> FindJobTask(Sql& sql, const std::string& job, const std::string& stage,
                                         int ordinal);
// Stages with tasks that are not named yet, in order.
std::vector<std::string> UnnamedStages(Sql& sql, const std::string& job);
// One row per stage and state, in order of stages.
std::vector<StageCount> CountStages(Sql& sql, const std::string& job);
// Number of tasks by stage.
std::map<std::string, int> StageSizes(Sql& sql, const std::string& job);
// Whether every task of the job is named and has succeeded.
bool AllTasksDone(Sql& sql, const std::string& job);
// Queued and running jobs, oldest first.
std::vector<std::string> UnfinishedJobs(Sql& sql);
// Unfinished jobs with the task, oldest first.
std::vector<std::string> JobsWaitingFor(Sql& sql, const std::string& task_key);
// The stage in which the job has the task; empty if it has it not.
std::string StageOfTask(Sql& sql, const std::string& job, const std::string& task_key);
// All jobs with the task, newest first.
std::vector<std::string> JobsWithTask(Sql& sql, const std::string& task_key, int limit);
// Queued and running tasks of the job that no unfinished job has.
std::vector<std::string> UnwantedTasks(Sql& sql, const std::string& job);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_JOBS_H_
