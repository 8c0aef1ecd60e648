#include "server/workflow/change.h"

#include "server/catalog/jobs.h"
#include "server/catalog/task_trials.h"
#include "server/catalog/tasks.h"

namespace alignflow {

void Change::Save(const TaskRecord& task) {
  UpdateTask(sql, task);
  Note(task);
}

void Change::Insert(const TaskRecord& task) {
  InsertTask(sql, task);
  Note(task);
}

void Change::Note(const TaskRecord& task) {
  if (task.state == TaskState::kQueued) queued_.push_back(task.spec);
  if (task.state != TaskState::kRunning) task_ended_ = true;
}

void Change::EndLease(const TaskRecord& task, const std::string& worker, LeaseOutcome outcome,
                      const std::string& message, const std::string& ended_job) {
  AddLeaseEnd(sql, task.key, outcome, message, ended_job, now);
  lease_ends_.push_back({worker, task.key, outcome, message});
}

void Change::AddEvent(const std::string& job) {
  alignflow::AddEvent(sql, job, now);
  jobs_.insert(job);
}

void Change::MoveQueue() {
  AddEventToQueuedJobs(sql, now);
  queue_moved_ = true;
}

void Change::TellTo(ChangeNotifier& notifier) const {
  for (const std::string& job : jobs_) notifier.JobChanged(job);
  for (const TaskSpec& task : queued_) notifier.TaskQueued(task);
  if (queue_moved_) notifier.QueueMoved();
  if (task_ended_) notifier.TaskEnded();
}

}  // namespace alignflow
