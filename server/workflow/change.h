#ifndef ALIGNFLOW_SERVER_WORKFLOW_CHANGE_H_
#define ALIGNFLOW_SERVER_WORKFLOW_CHANGE_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/catalog/catalog.h"
#include "server/catalog/records.h"
#include "server/scheduler/fair_share.h"
#include "server/scheduler/lease_outcome.h"
#include "server/workflow/change_notifier.h"
#include "server/workflow/live_state.h"

namespace alignflow {

// A change of the catalog while its transaction runs: where, when, and whom it concerns, who are
// told once it is committed.
class Change {
 public:
  // share_results: whether tenants take each other's results.
  Change(WritingSql& sql, const LiveState& live, absl::Time now, bool share_results)
      : sql(sql), now(now), share_results(share_results), live_(live) {}

  WritingSql& sql;
  const absl::Time now;
  const bool share_results;

  // The task as it is now, a running one with what only its heartbeats have told.
  std::optional<TaskRecord> Find(const std::string& task_key) const;
  // Writes the task and notes what its new state means to those who wait.
  void Save(const TaskRecord& task);
  // The same for a task that is new.
  void Insert(const TaskRecord& task);
  // Counts the end of a lease for the jobs that wait for the task, before they end with it.
  // `worker` is empty where nobody is at fault.
  void EndLease(const TaskRecord& task, const std::string& worker, LeaseOutcome outcome,
                const std::string& message);
  // A further job waits for a running task.
  void Join(const std::string& task_key) { running_.insert(task_key); }
  // Gives the job's next event a number and a time.
  void AddEvent(const std::string& job);
  // What queued jobs wait for has changed.
  void MoveQueue() { queue_moved_ = true; }
  // There is more to do for the job, in a transaction of its own.
  void Later(const std::string& job) { later_.insert(job); }

  // At the end of the transaction.
  void Finish();
  // While it is being committed.
  void KeepIn(LiveState& live) const;
  void KeepIn(FairShare& share) const;
  // Once it is committed.
  void TellTo(ChangeNotifier& notifier) const;
  const std::set<std::string>& later() const { return later_; }
  struct LeaseEnd {
    std::string worker, task;
    LeaseOutcome outcome;
    std::string message;
  };
  const std::vector<LeaseEnd>& lease_ends() const { return lease_ends_; }

 private:
  void Note(const TaskRecord& task);

  const LiveState& live_;
  std::set<std::string> jobs_, later_;
  std::vector<LeaseEnd> lease_ends_;
  std::map<std::string, TaskRecord> tasks_;  // as they were written last
  std::set<std::string> running_;            // whose jobs may have changed
  std::map<std::string, std::vector<std::string>> jobs_of_running_;
  bool queue_moved_ = false;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_WORKFLOW_CHANGE_H_
