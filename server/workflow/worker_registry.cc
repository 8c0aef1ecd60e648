#include "server/workflow/worker_registry.h"

#include <algorithm>
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
  fleet_ = nullptr;
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
  const auto dropped = static_cast<int>(std::erase_if(
      workers_, [&](const auto& worker) { return now - worker.second.record.seen > patience; }));
  if (dropped > 0) fleet_ = nullptr;
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
  worker->second.record.mode = mode;
  fleet_ = nullptr;
  return true;
}

void WorkerRegistry::Pardon(const std::string& id) {
  absl::MutexLock lock(&mutex_);
  const auto worker = workers_.find(id);
  if (worker == workers_.end()) return;
  worker->second.record.health = {};
  fleet_ = nullptr;
}

bool WorkerRegistry::Drains(const std::string& id) const {
  absl::MutexLock lock(&mutex_);
  const auto worker = workers_.find(id);
  return worker != workers_.end() && worker->second.record.mode == WorkerMode::kDraining;
}

bool WorkerRegistry::CanDo(const std::string& id, const TaskSpec& task, absl::Time now) const {
  const TaskNeeds needs = NeedsOf(task);
  absl::MutexLock lock(&mutex_);
  const auto worker = workers_.find(id);
  if (worker == workers_.end()) return false;
  const WorkerRecord& record = worker->second.record;
  return record.mode == WorkerMode::kOpen && !InQuarantine(record.health, now) &&
         Lacks(record.abilities, needs).empty();
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
  if (!alignflow::NoteLeaseEnd(health_policy_, task, outcome, message, now, record.health)) {
    return std::nullopt;
  }
  fleet_ = nullptr;
  return record;
}

void WorkerRegistry::Exonerate(const std::string& task) {
  absl::MutexLock lock(&mutex_);
  for (auto& [id, worker] : workers_) alignflow::Exonerate(task, worker.record.health);
}

std::shared_ptr<const Fleet> WorkerRegistry::FleetAt(absl::Time now) const {
  absl::MutexLock lock(&mutex_);
  if (fleet_ != nullptr && now < fleet_until_) return fleet_;
  auto fleet = std::make_shared<Fleet>();
  fleet_until_ = absl::InfiniteFuture();
  for (const auto& [id, worker] : workers_) {
    const WorkerRecord& record = worker.record;
    const bool quarantine = InQuarantine(record.health, now);
    if (quarantine) fleet_until_ = std::min(fleet_until_, record.health.quarantine_end);
    fleet->push_back({.id = id,
                      .abilities = record.abilities,
                      .open = record.mode == WorkerMode::kOpen && !quarantine});
  }
  fleet_ = std::move(fleet);
  return fleet_;
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
