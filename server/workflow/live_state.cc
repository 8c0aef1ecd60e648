#include "server/workflow/live_state.h"

#include <set>
#include <utility>

#include "server/scheduler/placement.h"

namespace alignflow {
namespace {

double ValueOf(const TaskProgress& progress, const char* name) {
  const auto value = progress.values.find(name);
  return value == progress.values.end() ? 0 : value->second;
}

}  // namespace

void LiveState::GiveTo(const std::string& worker, const std::string& key,
                       const std::string& before) {
  if (worker == before) return;
  const auto held = held_.find(before);
  if (held != held_.end()) {
    held->second.erase(key);
    if (held->second.empty()) held_.erase(held);
  }
  if (!worker.empty()) held_[worker].insert(key);
}

void LiveState::Put(const TaskRecord& task, absl::Time now) {
  absl::MutexLock lock(&mutex_);
  Entry& entry = tasks_[task.key];
  const bool other = entry.task.attempt != task.attempt;
  if (other) entry.beats = 0;
  if (other || entry.task.checkpoint != task.checkpoint) entry.saved = now;
  GiveTo(task.worker, task.key, entry.task.worker);
  entry.task = task;
}

void LiveState::SetJobs(const std::string& key, std::vector<std::string> jobs) {
  absl::MutexLock lock(&mutex_);
  const auto found = tasks_.find(key);
  if (found == tasks_.end()) return;
  found->second.jobs = std::make_shared<const std::vector<std::string>>(std::move(jobs));
}

void LiveState::Erase(const std::string& key) {
  absl::MutexLock lock(&mutex_);
  const auto found = tasks_.find(key);
  if (found == tasks_.end()) return;
  GiveTo("", key, found->second.task.worker);
  tasks_.erase(found);
}

std::optional<LiveState::Jobs> LiveState::Renew(const LeasePolicy& policy,
                                                const std::string& worker, const std::string& key,
                                                int64_t attempt, const TaskProgress& progress,
                                                absl::Time now) {
  absl::MutexLock lock(&mutex_);
  const auto found = tasks_.find(key);
  if (found == tasks_.end()) return std::nullopt;
  Entry& entry = found->second;
  const std::string before = entry.task.worker;
  if (!RenewLease(policy, worker, attempt, now, entry.task).ok()) return std::nullopt;
  GiveTo(worker, key, before);
  std::string note = std::move(entry.task.progress.note);
  entry.task.progress = progress;
  if (progress.note.empty()) entry.task.progress.note = std::move(note);
  ++entry.beats;
  return entry.jobs;
}

void LiveState::FillIn(TaskRecord& task) const {
  absl::MutexLock lock(&mutex_);
  const auto found = tasks_.find(task.key);
  if (found == tasks_.end() || task.state != TaskState::kRunning) return;
  const TaskRecord& live = found->second.task;
  if (live.attempt != task.attempt) return;
  task.worker = live.worker;
  task.lease_expires = live.lease_expires;
  task.progress = live.progress;
}

std::optional<LiveState::Running> LiveState::Find(const std::string& key) const {
  absl::MutexLock lock(&mutex_);
  const auto found = tasks_.find(key);
  if (found == tasks_.end()) return std::nullopt;
  return Running{found->second.task.progress, found->second.beats};
}

std::vector<std::string> LiveState::HeldBy(const std::string& worker) const {
  absl::MutexLock lock(&mutex_);
  const auto held = held_.find(worker);
  if (held == held_.end()) return {};
  return {held->second.begin(), held->second.end()};
}

std::vector<std::string> LiveState::Expired(absl::Time now) const {
  absl::MutexLock lock(&mutex_);
  std::vector<std::string> keys;
  for (const auto& [key, entry] : tasks_) {
    if (LeaseExpired(entry.task, now)) keys.push_back(key);
  }
  return keys;
}

std::vector<LiveState::Lease> LiveState::Leases() const {
  absl::MutexLock lock(&mutex_);
  std::vector<Lease> leases;
  for (const auto& [key, entry] : tasks_) {
    leases.push_back({.worker = entry.task.worker,
                      .kind = entry.task.spec.kind,
                      .job = entry.jobs->empty() ? "" : entry.jobs->front(),
                      .tenant = entry.task.tenant,
                      .pretrained = !NeedsOf(entry.task.spec).model.empty(),
                      .saved = entry.saved,
                      .steps_per_second = ValueOf(entry.task.progress, "steps_per_second"),
                      .images_per_second = ValueOf(entry.task.progress, "images_per_second")});
  }
  return leases;
}

LiveState::Work LiveState::WorkOf(const std::string& tenant) const {
  absl::MutexLock lock(&mutex_);
  std::set<std::string> jobs;
  Work work;
  for (const auto& [key, entry] : tasks_) {
    if (entry.task.tenant != tenant) {
      work.of_others = true;
    } else if (!entry.jobs->empty()) {
      jobs.insert(entry.jobs->front());
    }
  }
  work.jobs.assign(jobs.begin(), jobs.end());
  return work;
}

bool LiveState::idle() const {
  absl::MutexLock lock(&mutex_);
  return tasks_.empty();
}

void LiveState::MoveQueue() {
  absl::MutexLock lock(&mutex_);
  ++queue_moves_;
}

int64_t LiveState::queue_moves() const {
  absl::MutexLock lock(&mutex_);
  return queue_moves_;
}

}  // namespace alignflow
