#include "server/workflow/change_notifier.h"

#include <utility>

namespace alignflow {

ChangeNotifier::Subscription& ChangeNotifier::Subscription::operator=(
    Subscription&& other) noexcept {
  if (this == &other) return *this;
  Cancel();
  end_ = std::exchange(other.end_, nullptr);
  return *this;
}

void ChangeNotifier::Subscription::Take() {
  if (end_) std::exchange(end_, nullptr)(false);
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

ChangeNotifier::Subscription ChangeNotifier::OnTaskQueued(CanDo can_do, Callback callback) {
  Subscription subscription;
  absl::MutexLock lock(&mutex_);
  const auto place = workers_.insert(
      workers_.end(), Worker{.can_do = std::move(can_do),
                             .callback = std::make_shared<const Callback>(std::move(callback)),
                             .task = {}});
  subscription.end_ = [this, place](bool passes_on) {
    Shared next;
    {
      absl::MutexLock inner(&mutex_);
      const Worker worker = std::move(*place);
      workers_.erase(place);
      if (passes_on && worker.woken) next = WakeOne(worker.task);
    }
    if (next) (*next)();
  };
  return subscription;
}

ChangeNotifier::Shared ChangeNotifier::WakeOne(const TaskSpec& task) {
  for (Worker& worker : workers_) {
    if (worker.woken || !worker.can_do(task)) continue;
    worker.woken = true;
    worker.task = task;
    return worker.callback;
  }
  return nullptr;
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
