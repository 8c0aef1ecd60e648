#ifndef ALIGNFLOW_WORKER_AGENT_LEASE_KEEPER_H_
#define ALIGNFLOW_WORKER_AGENT_LEASE_KEEPER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "alignflow/v1/workers.grpc.pb.h"
#include "common/backoff.h"
#include "common/steady_now.h"
#include "grpcpp/channel.h"
#include "worker/agent/registration.h"
#include "worker/tasks/task.h"

namespace alignflow {

// Holds one lease from a thread of its own, so that no computation can keep a heartbeat back. While
// the coordinator can't be reached it goes on trying: whether the attempt is still the current one
// is the coordinator's to say, and until it does the work goes on. Thread-safe.
class LeaseKeeper {
 public:
  struct Options {
    absl::Duration rpc_deadline = absl::Seconds(10);
    // How long after a cancel the task may still use the network, to leave a checkpoint.
    absl::Duration hand_back_within = absl::Seconds(10);
    BackoffPolicy backoff;
    std::function<void()> on_answer = [] {};  // called after each heartbeat that was answered
  };

  // Starts the thread. `registration` must outlive the keeper.
  LeaseKeeper(std::shared_ptr<grpc::ChannelInterface> channel, Registration& registration,
              std::string task_key, int64_t attempt, Options options);
  // Ends the thread; waits for a heartbeat under way.
  ~LeaseKeeper();

  // What the next heartbeat says. The latest wins; nothing is queued.
  void SetProgress(const TaskProgress& progress) ABSL_LOCKS_EXCLUDED(mutex_);
  // Sends a heartbeat with this checkpoint at once.
  void AnnounceCheckpoint(const std::string& sha256) ABSL_LOCKS_EXCLUDED(mutex_);
  // The task shall stop and be handed back.
  void Cancel() ABSL_LOCKS_EXCLUDED(mutex_);

  // The task shall stop: cancelled or lost.
  bool Cancelled() const ABSL_LOCKS_EXCLUDED(mutex_);
  // The task is another worker's now: nothing that is written for it counts any more.
  bool Lost() const ABSL_LOCKS_EXCLUDED(mutex_);
  // The task's use of the network shall end: lost, or cancelled for longer than hand_back_within.
  bool Abandoned() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Loop() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Beat(absl::Duration& interval) ABSL_LOCKS_EXCLUDED(mutex_);

  const std::unique_ptr<v1::Workers::StubInterface> stub_;
  Registration& registration_;
  const std::string task_key_;
  const int64_t attempt_;
  const Options options_;

  mutable absl::Mutex mutex_;
  v1::Progress progress_ ABSL_GUARDED_BY(mutex_);
  std::string unannounced_ ABSL_GUARDED_BY(mutex_);
  SteadyFlag due_;  // a heartbeat, before its time
  std::atomic<bool> stopped_ = false;
  bool lost_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time cancelled_at_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  std::jthread thread_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_AGENT_LEASE_KEEPER_H_
