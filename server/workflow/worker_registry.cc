#include "server/workflow/worker_registry.h"

#include <utility>

#include "server/workflow/random_id.h"

namespace alignflow {

absl::StatusOr<std::string> WorkerRegistry::Add(std::string id, std::string display_name,
                                                WorkerAbilities abilities, WorkerMode mode,
                                                absl::Time now) {
  if (id.empty()) id = RandomId(12);
  absl::MutexLock lock(&mutex_);
  if (workers_.size() >= kMaxWorkers && !workers_.contains(id)) {
    return absl::ResourceExhaustedError("too many workers are connected; stop some of them");
  }
  const auto [worker, is_new] = workers_.try_emplace(id);
  WorkerRecord& record = worker->second.record;
  record.id = id;
  record.display_name = std::move(display_name);
  record.abilities = std::move(abilities);
  record.seen = now;
  if (is_new) {
    record.mode = mode;
    record.registered = now;
  }
  fleet_.Put({.id = id, .abilities = record.abilities, .open = IsOpen(record)});
  return id;
}

bool WorkerRegistry::Touch(const std::string& id, absl::Time now) {
  absl::MutexLock lock(&mutex_);
  const auto worker = workers_.find(id);
  if (worker == workers_.end()) return false;
  worker->second.record.seen = now;
  return true;
}

int WorkerRegistry::DropSilent(absl::Time now, absl::Duration patience) {
  absl::MutexLock lock(&mutex_);
  int dropped = 0;
  for (auto worker = workers_.begin(); worker != workers_.end();) {
    WorkerRecord& record = worker->second.record;
    if (now - record.seen <= patience) {
      ++worker;
      continue;
    }
    SetHealth({}, record);
    fleet_.Remove(record.id);
    worker = workers_.erase(worker);
    ++dropped;
  }
  return dropped;
}

int WorkerRegistry::size() const {
  absl::MutexLock lock(&mutex_);
  return static_cast<int>(workers_.size());
}

std::optional<WorkerRecord> WorkerRegistry::Find(const std::string& id) const {
  absl::MutexLock lock(&mutex_);
  const auto worker = workers_.find(id);
  if (worker == workers_.end()) return std::nullopt;
  return worker->second.record;
}

std::vector<WorkerRecord> WorkerRegistry::List(const std::string& after, int limit) const {
  std::vector<WorkerRecord> records;
  absl::MutexLock lock(&mutex_);
  for (auto worker = workers_.upper_bound(after);
       worker != workers_.end() && static_cast<int>(records.size()) < limit; ++worker) {
    records.push_back(worker->second.record);
  }
  return records;
}

bool WorkerRegistry::SetMode(const std::string& id, WorkerMode mode) {
  absl::MutexLock lock(&mutex_);
  const auto worker = workers_.find(id);
  if (worker == workers_.end()) return false;
  WorkerRecord& record = worker->second.record;
  record.mode = mode;
  fleet_.SetOpen(id, IsOpen(record));
  return true;
}

void WorkerRegistry::Pardon(const std::string& id) {
  absl::MutexLock lock(&mutex_);
  const auto worker = workers_.find(id);
  if (worker == workers_.end()) return;
  SetHealth({}, worker->second.record);
}

bool WorkerRegistry::Drains(const std::string& id) const {
  absl::MutexLock lock(&mutex_);
  const auto worker = workers_.find(id);
  return worker != workers_.end() && worker->second.record.mode == WorkerMode::kDraining;
}

bool WorkerRegistry::IsOpen(const std::string& id, absl::Time now) const {
  absl::MutexLock lock(&mutex_);
  const auto worker = workers_.find(id);
  if (worker == workers_.end()) return false;
  const WorkerRecord& record = worker->second.record;
  return record.mode == WorkerMode::kOpen && !InQuarantine(record.health, now);
}

bool WorkerRegistry::IsTrusted(const std::string& id) const {
  absl::MutexLock lock(&mutex_);
  const auto worker = workers_.find(id);
  if (worker == workers_.end()) return false;
  const WorkerRecord& record = worker->second.record;
  return record.lease_ends.contains(LeaseOutcome::kSucceeded) && record.health.failed.empty() &&
         record.health.quarantines == 0;
}

std::optional<WorkerRecord> WorkerRegistry::NoteLeaseEnd(const std::string& id,
                                                         const std::string& task,
                                                         LeaseOutcome outcome,
                                                         const std::string& message,
                                                         absl::Time now) {
  absl::MutexLock lock(&mutex_);
  const auto worker = workers_.find(id);
  if (worker == workers_.end()) return std::nullopt;
  WorkerRecord& record = worker->second.record;
  ++record.lease_ends[outcome];
  WorkerHealth health = record.health;
  const bool quarantined =
      alignflow::NoteLeaseEnd(health_policy_, task, outcome, message, now, health);
  SetHealth(std::move(health), record);
  if (!quarantined) return std::nullopt;
  return record;
}

void WorkerRegistry::Exonerate(const std::string& task) {
  absl::MutexLock lock(&mutex_);
  const auto failed_on = failed_on_.extract(task);
  if (failed_on.empty()) return;
  for (const std::string& id : failed_on.mapped()) {
    alignflow::Exonerate(task, workers_.at(id).record.health);
  }
}

bool WorkerRegistry::IsOpen(const WorkerRecord& record) const {
  return record.mode == WorkerMode::kOpen &&
         !quarantines_.contains({record.health.quarantine_end, record.id});
}

void WorkerRegistry::SetHealth(WorkerHealth health, WorkerRecord& record) {
  for (const std::string& task : record.health.failed) {
    const auto failed_on = failed_on_.find(task);
    failed_on->second.erase(record.id);
    if (failed_on->second.empty()) failed_on_.erase(failed_on);
  }
  for (const std::string& task : health.failed) failed_on_[task].insert(record.id);
  if (health.quarantine_end != record.health.quarantine_end) {
    quarantines_.erase({record.health.quarantine_end, record.id});
    if (health.quarantine_end != absl::InfinitePast()) {
      quarantines_.emplace(health.quarantine_end, record.id);
    }
  }
  record.health = std::move(health);
  fleet_.SetOpen(record.id, IsOpen(record));
}

void WorkerRegistry::LookAtFleet(absl::Time now, absl::FunctionRef<void(const Fleet&)> look) {
  absl::MutexLock lock(&mutex_);
  while (!quarantines_.empty() && quarantines_.begin()->first <= now) {
    const std::string id = quarantines_.extract(quarantines_.begin()).value().second;
    fleet_.SetOpen(id, IsOpen(workers_.at(id).record));
  }
  look(fleet_);
}

int64_t WorkerRegistry::NextTicket(const std::string& id) {
  absl::MutexLock lock(&mutex_);
  const auto worker = workers_.find(id);
  return worker == workers_.end() ? 0 : ++worker->second.ticket;
}

bool WorkerRegistry::IsCurrent(const std::string& id, int64_t ticket) const {
  absl::MutexLock lock(&mutex_);
  const auto worker = workers_.find(id);
  return worker != workers_.end() && worker->second.ticket == ticket;
}

}  // namespace alignflow
