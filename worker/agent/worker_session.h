#ifndef ALIGNFLOW_WORKER_AGENT_WORKER_SESSION_H_
#define ALIGNFLOW_WORKER_AGENT_WORKER_SESSION_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "alignflow/v1/workers.grpc.pb.h"
#include "common/backoff.h"
#include "common/blob_client.h"
#include "common/steady_now.h"
#include "worker/agent/blob_cache.h"
#include "worker/agent/lease_keeper.h"
#include "worker/agent/registration.h"
#include "worker/agent/worker_metrics.h"
#include "worker/tasks/task.h"

namespace alignflow {

// Runs a task; RunTask of worker/tasks/task.h, or a test's own.
using TaskRunner =
    std::function<absl::StatusOr<TaskOutputs>(const TaskSpec& spec, TaskContext& context)>;

// A worker's life with one coordinator: register, lease a task, run it, report it, lease the next.
//
// A coordinator that goes away and comes back loses nothing: the task goes on, heartbeats and
// reports are repeated until they are answered, and the answer decides. A task that is another
// worker's by then (FAILED_PRECONDITION) is dropped without a word.
class WorkerSession {
 public:
  // Heartbeats have a channel of their own, so that nothing large can be in their way.
  struct Channels {
    std::shared_ptr<grpc::ChannelInterface> control;
    std::shared_ptr<grpc::ChannelInterface> heartbeat;
    std::shared_ptr<grpc::ChannelInterface> blobs;
  };
  struct Options {
    std::string display_name;
    std::string device;  // "cpu" or "cuda"
    // Of this process, drawn at random; empty: the coordinator gives it a name.
    std::string instance_id = {};
    int64_t memory_bytes = 0;  // of the device; 0: not known
    // With the folders of pretrained models; may be empty.
    std::filesystem::path models_dir = {};
    // With the networks that come with the program; may be empty.
    std::filesystem::path bundled_models_dir = {};
    // For the files of running tasks; on the cache's file system.
    std::filesystem::path work_folder;
    // How long one Lease call waits for a task.
    absl::Duration lease_wait = absl::Seconds(20);
    // Of every call beyond what it waits on purpose.
    absl::Duration rpc_deadline = absl::Seconds(10);
    // After Stop: how long the task may use the network to leave a checkpoint, and again how long
    // the report is repeated.
    absl::Duration hand_back_within = absl::Seconds(10);
    BackoffPolicy backoff;
    // retry_for is how long a task waits for a coordinator that is away when it needs a blob.
    BlobClientOptions blobs;
    std::function<int64_t()> device_memory = [] { return 0; };
    // Called whenever the coordinator has answered a registration, a lease or a heartbeat, from any
    // thread.
    std::function<void()> on_answer = [] {};
  };

  // `cache` and `metrics` must outlive the session.
  WorkerSession(Channels channels, Options options, TaskRunner runner, BlobCache& cache,
                WorkerMetrics& metrics);

  // Works until Stop, then returns OK. FAILED_PRECONDITION: this program and the coordinator don't
  // fit together.
  absl::Status Run();

  // Ends Run soon: a running task is cancelled, leaves its last checkpoint and is handed back.
  // Thread-safe; returns at once.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::StatusOr<v1::LeaseResponse> Lease() ABSL_LOCKS_EXCLUDED(mutex_);
  void RunLeased(const v1::LeaseResponse& lease) ABSL_LOCKS_EXCLUDED(mutex_);
  // Repeats the report until it is answered. Returns whether it was accepted.
  bool Report(v1::ReportRequest request);
  // Waits as the backoff says, or until Stop.
  void WaitAfter(int failures);

  const Channels channels_;
  const Options options_;
  const TaskRunner runner_;
  BlobCache& cache_;
  WorkerMetrics& metrics_;
  const std::unique_ptr<v1::Workers::StubInterface> stub_;
  Registration registration_;
  int64_t tasks_run_ = 0;

  SteadyFlag stop_;
  absl::Mutex mutex_;
  // What Stop has to wake; null when there is none.
  grpc::ClientContext* leasing_ ABSL_GUARDED_BY(mutex_) = nullptr;
  LeaseKeeper* keeper_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_AGENT_WORKER_SESSION_H_
