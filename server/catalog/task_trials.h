#ifndef ALIGNFLOW_SERVER_CATALOG_TASK_TRIALS_H_
#define ALIGNFLOW_SERVER_CATALOG_TASK_TRIALS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/catalog/catalog.h"
#include "server/scheduler/placement.h"

// What became of leases: of a task's, since it was queued, and of a job's, by stage. Within
// Catalog::Transact only.
namespace alignflow {

// None have no row.
TaskTrials TrialsOfTask(Sql& sql, const std::string& task_key);
void SetTrials(WritingSql& sql, const std::string& task_key, const TaskTrials& trials);
// No task waits for longer than until then: for those written when the machine's clock was ahead.
void ShortenWaits(WritingSql& sql, absl::Time latest);
void DeleteTrials(WritingSql& sql, const std::string& task_key);
// Queued tasks whose time to wait has ended within (after, until].
std::vector<std::string> TasksDue(Sql& sql, absl::Time after, absl::Time until);

// How often leases of a stage have ended in one way, and what was said the last time.
struct LeaseEndCount {
  std::string outcome;  // OutcomeName
  int64_t count = 0;
  std::string message;
  absl::Time time = absl::UnixEpoch();
};
// Counts the end of a lease for every job that waits for the task.
void AddLeaseEnd(WritingSql& sql, const std::string& task_key, LeaseOutcome outcome,
                 const std::string& message, absl::Time now);
// By stage.
std::map<std::string, std::vector<LeaseEndCount>> LeaseEndsOfJob(Sql& sql, const std::string& job);

// Workers that take no tasks, by id: "cordoned" or "draining". They stay so when the coordinator
// restarts.
std::map<std::string, std::string> ClosedWorkers(Sql& sql);
// An empty mode opens the worker again.
void SetWorkerMode(WritingSql& sql, const std::string& worker, const std::string& mode);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_TASK_TRIALS_H_
