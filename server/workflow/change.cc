#include "server/workflow/change.h"

#include <algorithm>

#include "server/catalog/jobs.h"
#include "server/catalog/task_trials.h"
#include "server/catalog/tasks.h"

namespace alignflow {

std::optional<TaskRecord> Change::Find(const std::string& task_key) const {
  std::optional<TaskRecord> task = FindTask(sql, task_key);
  if (task) live_.FillIn(*task);
  return task;
}

void Change::Save(const TaskRecord& task) {
  UpdateTask(sql, task);
  Note(task);
}

void Change::Insert(const TaskRecord& task) {
  InsertTask(sql, task);
  Note(task);
}

void Change::Note(const TaskRecord& task) {
  if (task.state == TaskState::kRunning) running_.insert(task.key);
  tasks_.insert_or_assign(task.key, task);
}

void Change::EndLease(const TaskRecord& task, const std::string& worker, LeaseOutcome outcome,
                      const std::string& message) {
  AddLeaseEnd(sql, task.key, outcome, message, now);
  lease_ends_.push_back({worker, task.key, outcome, message});
}

void Change::AddEvent(const std::string& job) {
  alignflow::AddEvent(sql, job, now);
  jobs_.insert(job);
}

void Change::Finish() {
  for (const std::string& key : running_) jobs_of_running_[key] = JobsWaitingFor(sql, key);
}

void Change::KeepIn(LiveState& live) const {
  for (const auto& [key, task] : tasks_) {
    if (task.state == TaskState::kRunning) {
      live.Put(task, now);
    } else {
      live.Erase(key);
    }
  }
  for (const auto& [key, jobs] : jobs_of_running_) live.SetJobs(key, jobs);
  if (queue_moved_) live.MoveQueue();
}

void Change::KeepIn(FairShare& share) const {
  for (const LeaseEnd& end : lease_ends_) share.Release(end.task, now);
  for (const auto& [key, task] : tasks_) {
    if (task.state == TaskState::kRunning) {
      share.Take(key, task.tenant, now);
    } else {
      share.Release(key, now);
    }
  }
}

void Change::TellTo(ChangeNotifier& notifier) const {
  for (const std::string& job : jobs_) notifier.JobChanged(job);
  for (const auto& [key, task] : tasks_) {
    if (task.state == TaskState::kQueued) notifier.TaskQueued(task.spec);
  }
  if (queue_moved_) notifier.QueueMoved();
  const bool ended = std::ranges::any_of(
      tasks_, [](const auto& task) { return task.second.state != TaskState::kRunning; });
  if (ended) notifier.TaskEnded();
}

}  // namespace alignflow
