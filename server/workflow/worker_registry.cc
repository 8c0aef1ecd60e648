#include "server/workflow/worker_registry.h"

#include "server/workflow/random_id.h"

namespace alignflow {

std::string WorkerRegistry::Add(absl::Time now) {
  std::string id = RandomId(12);
  absl::MutexLock lock(&mutex_);
  workers_[id].seen = now;
  return id;
}

bool WorkerRegistry::Touch(const std::string& id, absl::Time now) {
  absl::MutexLock lock(&mutex_);
  const auto worker = workers_.find(id);
  if (worker == workers_.end()) return false;
  worker->second.seen = now;
  return true;
}

int WorkerRegistry::DropSilent(absl::Time now, absl::Duration patience) {
  absl::MutexLock lock(&mutex_);
  return static_cast<int>(std::erase_if(
      workers_, [&](const auto& worker) { return now - worker.second.seen > patience; }));
}

int WorkerRegistry::size() const {
  absl::MutexLock lock(&mutex_);
  return static_cast<int>(workers_.size());
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
