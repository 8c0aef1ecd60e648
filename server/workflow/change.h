#ifndef ALIGNFLOW_SERVER_WORKFLOW_CHANGE_H_
#define ALIGNFLOW_SERVER_WORKFLOW_CHANGE_H_

#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/catalog/catalog.h"
#include "server/catalog/records.h"
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
  // Gives the job's next event a number and a time.
  void AddEvent(const std::string& job);
  // What queued jobs wait for has changed.
  void MoveQueue();

  void TellTo(ChangeNotifier& notifier) const;

 private:
  void Note(const TaskRecord& task);

  std::set<std::string> jobs_;
  std::vector<TaskSpec> queued_;
  bool queue_moved_ = false;
  bool task_ended_ = false;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_WORKFLOW_CHANGE_H_
