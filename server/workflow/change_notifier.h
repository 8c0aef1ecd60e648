#ifndef ALIGNFLOW_SERVER_WORKFLOW_CHANGE_NOTIFIER_H_
#define ALIGNFLOW_SERVER_WORKFLOW_CHANGE_NOTIFIER_H_

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/settings/task_spec.h"
#include "common/steady_now.h"
#include "server/scheduler/fleet.h"

namespace alignflow {

// Wakes those whom a change concerns and nobody else: who watches a job by that job's changes, a
// worker that waits for a task by a task that it can do, one worker per task. Whoever waits
// subscribes first, looks at the state, and then waits: so no change is missed. Thread-safe.
//
// A callback runs on the thread that made the change. It must return at once, must not throw, and
// may still be called once while its subscription ends, so it must own what it touches.
class ChangeNotifier {
 public:
  using Callback = std::function<void()>;
  // Whether a waiting worker takes tasks at the moment. Asked under the notifier's lock: it must
  // not block.
  using IsOpen = std::function<bool()>;

  // Ends with the object. A worker's that was woken and did not Take() is passed on to another.
  class Subscription {
   public:
    Subscription() = default;
    ~Subscription() { Cancel(); }
    Subscription(Subscription&& other) noexcept { *this = std::move(other); }
    Subscription& operator=(Subscription&& other) noexcept;

    // Says that the worker that was woken asks for its task now: nobody needs to be woken instead.
    void Take();
    // Says that the worker goes on waiting: it is counted in again if it was found closed.
    void Renew();
    void Cancel();

   private:
    friend class ChangeNotifier;
    std::function<void(bool passes_on)> end_;
    std::function<void()> renew_;
  };

  // At each change of the job.
  [[nodiscard]] Subscription OnJob(const std::string& job, Callback callback);
  // When what queued jobs wait for has changed: a job starts or ends, workers come or go.
  [[nodiscard]] Subscription OnQueueMoved(Callback callback);
  // When the coordinator lets go of a task, however it ended.
  [[nodiscard]] Subscription OnTaskEnded(Callback callback);
  // Once, at the next queued task that is this waiter's: of those that are open and can do it, the
  // one that has waited longest. What a queued task costs grows with the kinds of workers that
  // wait, not with their number: whoever is found closed is not asked again before it has renewed.
  [[nodiscard]] Subscription OnTaskQueued(WorkerAbilities abilities, IsOpen is_open,
                                          Callback callback);

  void JobChanged(const std::string& job);
  void QueueMoved();
  void TaskEnded();
  void TaskQueued(const TaskSpec& task);
  // Wakes all, who then see that the coordinator closes.
  void WakeAll();

  // How many wait for a task.
  int waiting_workers() const;
  // Whether anybody watches the job.
  bool IsWatched(const std::string& job) const;

 private:
  using Shared = std::shared_ptr<const Callback>;
  // The listeners of one kind by topic; a job's name is one, the kinds without have "".
  using Listeners = std::multimap<std::string, Shared>;
  struct Worker {
    WorkerAbilities abilities;
    IsOpen is_open;
    Shared callback;
    int64_t number = 0;  // rises in the order in which they came
    bool woken = false;
    TaskSpec task = {};  // that it was woken for
  };
  // Those that may be woken, by their numbers.
  using Ready = std::map<int64_t, Worker*>;

  Subscription Listen(Listeners& listeners, const std::string& topic, Callback callback);
  void Call(const Listeners& listeners, const std::string& topic);
  Shared WakeOne(const TaskSpec& task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The first of them that is open; those before it are let go. Null if there is none.
  static Worker* FirstOpen(Ready& ready);
  void PutReady(Worker& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DropReady(const Worker& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  Listeners jobs_, queue_, ended_;                     // under mutex_
  std::list<Worker> workers_ ABSL_GUARDED_BY(mutex_);  // in the order in which they came
  std::map<WorkerAbilities, Ready> ready_ ABSL_GUARDED_BY(mutex_);  // none is empty
  int64_t workers_ever_ ABSL_GUARDED_BY(mutex_) = 0;
};

// For a thread that waits itself: a callback sets it, the thread waits for it. Thread-safe.
class WakeFlag {
 public:
  void Set() { flag_.Set(); }
  // Returns once it is set, and clears it; or after `timeout`.
  void Wait(absl::Duration timeout) { flag_.Take(timeout); }

 private:
  SteadyFlag flag_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_WORKFLOW_CHANGE_NOTIFIER_H_
