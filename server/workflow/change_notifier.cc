#include "server/workflow/change_notifier.h"

#include <utility>

#include "server/scheduler/placement.h"

namespace alignflow {

ChangeNotifier::Subscription& ChangeNotifier::Subscription::operator=(
    Subscription&& other) noexcept {
  if (this == &other) return *this;
  Cancel();
  end_ = std::exchange(other.end_, nullptr);
  renew_ = std::exchange(other.renew_, nullptr);
  return *this;
}

void ChangeNotifier::Subscription::Take() {
  if (end_) std::exchange(end_, nullptr)(false);
}

void ChangeNotifier::Subscription::Renew() {
  if (end_ && renew_) renew_();
}

void ChangeNotifier::Subscription::Cancel() {
  if (end_) std::exchange(end_, nullptr)(true);
}

ChangeNotifier::Subscription ChangeNotifier::Listen(Listeners& listeners, const std::string& topic,
                                                    Callback callback) {
  Subscription subscription;
  absl::MutexLock lock(&mutex_);
  const auto place =
      listeners.emplace(topic, std::make_shared<const Callback>(std::move(callback)));
  subscription.end_ = [this, &listeners, place](bool) {
    absl::MutexLock inner(&mutex_);
    listeners.erase(place);
  };
  return subscription;
}

ChangeNotifier::Subscription ChangeNotifier::OnJob(const std::string& job, Callback callback) {
  return Listen(jobs_, job, std::move(callback));
}

ChangeNotifier::Subscription ChangeNotifier::OnQueueMoved(Callback callback) {
  return Listen(queue_, "", std::move(callback));
}

ChangeNotifier::Subscription ChangeNotifier::OnTaskEnded(Callback callback) {
  return Listen(ended_, "", std::move(callback));
}

ChangeNotifier::Subscription ChangeNotifier::OnTaskQueued(WorkerAbilities abilities, IsOpen is_open,
                                                          Callback callback) {
  Subscription subscription;
  absl::MutexLock lock(&mutex_);
  const auto place = workers_.insert(
      workers_.end(), Worker{.abilities = std::move(abilities),
                             .is_open = std::move(is_open),
                             .callback = std::make_shared<const Callback>(std::move(callback)),
                             .number = ++workers_ever_});
  PutReady(*place);
  subscription.renew_ = [this, place] {
    absl::MutexLock inner(&mutex_);
    if (!place->woken && place->is_open()) PutReady(*place);
  };
  subscription.end_ = [this, place](bool passes_on) {
    Shared next;
    {
      absl::MutexLock inner(&mutex_);
      DropReady(*place);
      const Worker worker = std::move(*place);
      workers_.erase(place);
      if (passes_on && worker.woken) next = WakeOne(worker.task);
    }
    if (next) (*next)();
  };
  return subscription;
}

ChangeNotifier::Shared ChangeNotifier::WakeOne(const TaskSpec& task) {
  const TaskNeeds needs = NeedsOf(task);
  Worker* first = nullptr;
  for (auto group = ready_.begin(); group != ready_.end();) {
    const bool can_do = Lacks(group->first, needs).empty();
    Worker* const worker = can_do ? FirstOpen(group->second) : nullptr;
    if (worker != nullptr && (first == nullptr || worker->number < first->number)) first = worker;
    group = group->second.empty() ? ready_.erase(group) : std::next(group);
  }
  if (first == nullptr) return nullptr;
  DropReady(*first);
  first->woken = true;
  first->task = task;
  return first->callback;
}

ChangeNotifier::Worker* ChangeNotifier::FirstOpen(Ready& ready) {
  while (!ready.empty() && !ready.begin()->second->is_open()) ready.erase(ready.begin());
  return ready.empty() ? nullptr : ready.begin()->second;
}

void ChangeNotifier::PutReady(Worker& worker) { ready_[worker.abilities][worker.number] = &worker; }

void ChangeNotifier::DropReady(const Worker& worker) {
  const auto group = ready_.find(worker.abilities);
  if (group == ready_.end()) return;
  group->second.erase(worker.number);
  if (group->second.empty()) ready_.erase(group);
}

void ChangeNotifier::Call(const Listeners& listeners, const std::string& topic) {
  std::vector<Shared> called;
  {
    absl::MutexLock lock(&mutex_);
    const auto [begin, end] = listeners.equal_range(topic);
    for (auto listener = begin; listener != end; ++listener) called.push_back(listener->second);
  }
  for (const Shared& callback : called) (*callback)();
}

void ChangeNotifier::JobChanged(const std::string& job) { Call(jobs_, job); }
void ChangeNotifier::QueueMoved() { Call(queue_, ""); }
void ChangeNotifier::TaskEnded() { Call(ended_, ""); }

void ChangeNotifier::TaskQueued(const TaskSpec& task) {
  Shared callback;
  {
    absl::MutexLock lock(&mutex_);
    callback = WakeOne(task);
  }
  if (callback) (*callback)();
}

void ChangeNotifier::WakeAll() {
  std::vector<Shared> called;
  {
    absl::MutexLock lock(&mutex_);
    for (const Listeners* listeners : {&jobs_, &queue_, &ended_}) {
      for (const auto& [topic, callback] : *listeners) called.push_back(callback);
    }
    for (const Worker& worker : workers_) called.push_back(worker.callback);
  }
  for (const Shared& callback : called) (*callback)();
}

int ChangeNotifier::waiting_workers() const {
  absl::MutexLock lock(&mutex_);
  return static_cast<int>(workers_.size());
}

bool ChangeNotifier::IsWatched(const std::string& job) const {
  absl::MutexLock lock(&mutex_);
  return jobs_.contains(job);
}

}  // namespace alignflow
