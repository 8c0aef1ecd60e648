#ifndef ALIGNFLOW_SERVER_WORKFLOW_CHANGE_H_
#define ALIGNFLOW_SERVER_WORKFLOW_CHANGE_H_

#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/catalog/catalog.h"
#include "server/catalog/records.h"
#include "server/scheduler/lease_outcome.h"
#include "server/workflow/change_notifier.h"

namespace alignflow {

// A change of the catalog while its transaction runs: where, when, and whom it concerns, who are
// told once it is committed.
class Change {
 public:
  Change(Sql& sql, absl::Time now) : sql(sql), now(now) {}

  Sql& sql;
  const absl::Time now;

  // Writes the task and notes what its new state means to those who wait.
  void Save(const TaskRecord& task);
  // The same for a task that is new.
  void Insert(const TaskRecord& task);
  // Counts the end of a lease for the jobs that want the task, before they end with it, and for
  // `ended_job`, whose end ends the lease. `worker` is empty where nobody is at fault.
  void EndLease(const TaskRecord& task, const std::string& worker, LeaseOutcome outcome,
                const std::string& message, const std::string& ended_job = "");
  // Gives the job's next event a number and a time.
  void AddEvent(const std::string& job);
  // What queued jobs wait for has changed.
  void MoveQueue();

  void TellTo(ChangeNotifier& notifier) const;
  struct LeaseEnd {
    std::string worker, task;
    LeaseOutcome outcome;
    std::string message;
  };
  const std::vector<LeaseEnd>& lease_ends() const { return lease_ends_; }

 private:
  void Note(const TaskRecord& task);

  std::set<std::string> jobs_;
  std::vector<TaskSpec> queued_;
  std::vector<LeaseEnd> lease_ends_;
  bool queue_moved_ = false;
  bool task_ended_ = false;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_WORKFLOW_CHANGE_H_
