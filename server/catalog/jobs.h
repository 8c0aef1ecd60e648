#ifndef ALIGNFLOW_SERVER_CATALOG_JOBS_H_
#define ALIGNFLOW_SERVER_CATALOG_JOBS_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "server/catalog/catalog.h"
#include "server/catalog/records.h"

// The tables of jobs, of their stages and of the tasks' places in them. Within Catalog::Transact
// only.
namespace alignflow {

// The id and the request id must be free. Sets record.sequence.
void InsertJob(WritingSql& sql, JobRecord& record, const std::vector<ReferenceRecord>& references);
std::optional<JobRecord> FindJob(Sql& sql, const std::string& id);
std::optional<JobRecord> FindJobByRequest(Sql& sql, const std::string& request_id);
// Of all tenants, newest first, those with a sequence below `before`.
std::vector<JobRecord> ListJobs(Sql& sql, int64_t before, int limit);
std::vector<ReferenceRecord> ReferencesOfJob(Sql& sql, const std::string& id);
// Writes state, warnings, error and times; the rest of a job never changes, but for settings that
// were not there when it was created.
void UpdateJob(WritingSql& sql, const JobRecord& record);
void UpdateSettings(WritingSql& sql, const JobRecord& record);
// Gives the job's next event a number and a time.
void AddEvent(WritingSql& sql, const std::string& id, absl::Time now);
// The same for every unfinished job. For the coordinator's start.
void AddEventToUnfinishedJobs(WritingSql& sql, absl::Time now);
std::map<JobState, int64_t> CountJobs(Sql& sql);

// A stage that the job will go through, and how many tasks it has.
void InsertJobStage(WritingSql& sql, const std::string& job, const std::string& stage, int order,
                    int tasks);
// In order.
std::vector<StageCount> CountStages(Sql& sql, const std::string& job);

// Puts a task at a place of the job. The job waits for it unless it is reused.
void InsertJobTask(WritingSql& sql, const std::string& job, const JobTaskRecord& place);
std::optional<JobTaskRecord> FindJobTask(Sql& sql, const std::string& job, const std::string& stage,
                                         int ordinal);
// How many of the stage's places below `end` the job waits for no longer.
int64_t CountDone(Sql& sql, const std::string& job, const std::string& stage, int end);
// The outputs of the stage's tasks [first, first + count) by ordinal; those without are left away.
std::map<int, TaskOutputs> OutputsOfPart(Sql& sql, const std::string& job, const std::string& stage,
                                         int first, int count);
// The job's tasks that run and that it waits for.
std::vector<RunningTask> RunningTasksOfJob(Sql& sql, const std::string& job);
// A failed task that the job waits for.
std::optional<JobTaskRecord> FailedTaskOfJob(Sql& sql, const std::string& job);

// Unfinished jobs with the task wait for it again. To be called before the task is queued again, so
// that its stages' counters follow it.
void ReopenTask(WritingSql& sql, const std::string& task_key);
// From now on no job waits for the task; the job for no task.
void CloseTask(WritingSql& sql, const std::string& task_key);
void CloseJob(WritingSql& sql, const std::string& job);

// Queued and running jobs, oldest first.
std::vector<std::string> UnfinishedJobs(Sql& sql);
// Unfinished jobs that wait for the task's end, oldest first.
std::vector<std::string> JobsWaitingFor(Sql& sql, const std::string& task_key);
// An unfinished job that waits for the task to hand its pairs out.
struct PairPlace {
  int ordinal = 0;  // 0: the task makes the job's first pairs
  absl::Time create_time;
};
std::vector<PairPlace> PairPlacesOfTask(Sql& sql, const std::string& task_key);
// The oldest unfinished job with the task, whether or not it is done; of the tenant, if one is
// given.
std::optional<std::string> UnfinishedJobWithTask(Sql& sql, const std::string& task_key,
                                                 const std::string& tenant = "");
// The tenant's jobs with the task, newest first.
std::vector<std::string> JobsWithTask(Sql& sql, const std::string& tenant,
                                      const std::string& task_key, int limit);
// Queued and running tasks of the job that no other job waits for.
std::vector<std::string> UnwantedTasks(Sql& sql, const std::string& job);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_JOBS_H_
