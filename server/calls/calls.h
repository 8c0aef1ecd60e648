#ifndef ALIGNFLOW_SERVER_CALLS_CALLS_H_
#define ALIGNFLOW_SERVER_CALLS_CALLS_H_

#include <atomic>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/access/access.h"
#include "server/calls/call_limits.h"

namespace alignflow {

class Calls;

// A call that lasts because it waits: for a change, for the client's next message, for the client
// to take one. It holds no thread while it waits. Whatever it waits for wakes it, and its next step
// is then made on one of the few threads of Calls. Thread-safe but for Step.
class LastingCall : public std::enable_shared_from_this<LastingCall> {
 public:
  explicit LastingCall(Calls& calls) : calls_(calls) {}
  virtual ~LastingCall() = default;
  LastingCall(const LastingCall&) = delete;
  LastingCall& operator=(const LastingCall&) = delete;

  // Has Step called soon. Wakes that come before the step are one; one that comes during it brings
  // another step.
  void Wake();
  // Called about every second: the place to look at the clock. Must not wait.
  virtual void Tick(absl::Time now) = 0;
  // Steps of urgent calls are made before all others.
  virtual bool urgent() const { return false; }

 protected:
  // One move of the call; never two at once. May read and write files and the catalog.
  virtual void Step() = 0;
  // Wakes the call, or does nothing once it is no more.
  std::function<void()> Waker();

  Calls& calls_;

 private:
  friend class Calls;
  enum class Pace { kResting, kQueued, kStepping, kWokenWhileStepping };
  std::atomic<Pace> pace_ = Pace::kResting;
  std::list<LastingCall*>::iterator place_;  // among the live ones; Calls' mutex guards it
};

// The calls that last, and the threads that make their steps. Thread-safe.
class Calls {
 public:
  // access: who is admitted, and for how long; null: everybody for ever.
  explicit Calls(int threads, const Access* access = nullptr);
  // No call may be left: the server has been shut down.
  ~Calls();
  Calls(const Calls&) = delete;
  Calls& operator=(const Calls&) = delete;

  void Add(LastingCall& call);
  void Remove(LastingCall& call);
  CallLimits& limits() { return limits_; }
  bool Admits(const Admission& admission, absl::Time now) const {
    return access_ == nullptr || access_->Holds(admission, now);
  }

  void Tick(absl::Time now);
  void WakeAll();
  // From now on every step ends its call.
  void Close();
  bool closing() const { return closing_; }

 private:
  friend class LastingCall;
  void Enqueue(std::shared_ptr<LastingCall> call);
  void Run();
  // Those that have not begun to die.
  std::vector<std::shared_ptr<LastingCall>> Live();

  const Access* const access_;
  CallLimits limits_;
  std::atomic<bool> closing_ = false;
  absl::Mutex mutex_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<std::shared_ptr<LastingCall>> urgent_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::shared_ptr<LastingCall>> queue_ ABSL_GUARDED_BY(mutex_);
  std::list<LastingCall*> live_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CALLS_CALLS_H_
