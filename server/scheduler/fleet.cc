#include "server/scheduler/fleet.h"

#include <utility>

namespace alignflow {

Fleet::Fleet(std::initializer_list<FleetWorker> workers) {
  for (const FleetWorker& worker : workers) Put(worker);
}

void Fleet::Count(const FleetWorker& worker, int by) {
  const auto group = groups_.try_emplace(worker.abilities).first;
  group->second.workers += by;
  if (worker.open) group->second.open += by;
  if (group->second.workers == 0) groups_.erase(group);
}

void Fleet::Put(FleetWorker worker) {
  Remove(worker.id);
  Count(worker, 1);
  std::string id = worker.id;
  workers_.emplace(std::move(id), std::move(worker));
}

void Fleet::Remove(const std::string& id) {
  const auto worker = workers_.find(id);
  if (worker == workers_.end()) return;
  Count(worker->second, -1);
  workers_.erase(worker);
}

void Fleet::SetOpen(const std::string& id, bool open) {
  const auto worker = workers_.find(id);
  if (worker == workers_.end() || worker->second.open == open) return;
  Count(worker->second, -1);
  worker->second.open = open;
  Count(worker->second, 1);
}

const FleetWorker* Fleet::Find(const std::string& id) const {
  const auto worker = workers_.find(id);
  return worker == workers_.end() ? nullptr : &worker->second;
}

}  // namespace alignflow
