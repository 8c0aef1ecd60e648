#ifndef ALIGNFLOW_WORKER_AGENT_AGENT_TASK_CONTEXT_H_
#define ALIGNFLOW_WORKER_AGENT_AGENT_TASK_CONTEXT_H_

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "common/blob_client.h"
#include "worker/agent/blob_cache.h"
#include "worker/agent/lease_keeper.h"
#include "worker/tasks/task.h"

namespace alignflow {

// The surroundings of one leased task: blobs from and to the coordinator through the local cache,
// progress and checkpoints through the lease's heartbeats. Network calls wait out a coordinator
// that is away or has no space (blob_options.retry_for) unless the lease is given up.
class AgentTaskContext : public TaskContext {
 public:
  struct Setup {
    std::shared_ptr<grpc::ChannelInterface> channel;
    BlobClientOptions blob_options;
    std::string device;
    std::filesystem::path models_dir;          // may be empty
    std::filesystem::path bundled_models_dir;  // may be empty
    // Made by the context and removed with everything in it at the end.
    std::filesystem::path folder;
    // Latest checkpoint of the task, or empty.
    std::string checkpoint_sha256;
    // Called with every progress; may be empty.
    std::function<void(const TaskProgress&)> observer;
  };

  // `keeper` and `cache` must outlive the context.
  AgentTaskContext(Setup setup, LeaseKeeper& keeper, BlobCache& cache);
  ~AgentTaskContext() override;

  absl::StatusOr<std::filesystem::path> Fetch(const std::string& digest) override;
  absl::Status Prefetch(const std::vector<std::string>& digests) override;
  absl::StatusOr<std::string> Store(std::string_view bytes) override;
  // The file must not be written to afterwards: it stays in the cache.
  absl::StatusOr<std::string> StoreFile(const std::filesystem::path& file) override;
  void Report(const TaskProgress& progress) override;
  bool Cancelled() const override { return keeper_.Cancelled(); }
  // A checkpoint that the coordinator has lost is none: the task then begins anew.
  absl::StatusOr<std::optional<std::filesystem::path>> LoadCheckpoint() override;
  // A coordinator that is away for more than a few seconds costs the checkpoint, not the task.
  absl::Status SaveCheckpoint(const std::filesystem::path& file) override;
  std::filesystem::path scratch() const override { return setup_.folder / "scratch"; }
  std::string device() const override { return setup_.device; }
  std::filesystem::path models_dir() const override { return setup_.models_dir; }
  std::filesystem::path bundled_models_dir() const override { return setup_.bundled_models_dir; }

  // The last checkpoint that the coordinator has, or empty.
  const std::string& checkpoint() const { return checkpoint_; }
  // An input that the coordinator does not have as it was written, or empty.
  std::string missing_input() const;
  int64_t bytes_sent() const;
  int64_t bytes_received() const;

 private:
  std::filesystem::path LocalFile(const std::string& digest) const;
  absl::StatusOr<std::filesystem::path> FetchFile(const std::string& digest);

  const Setup setup_;
  LeaseKeeper& keeper_;
  BlobCache& cache_;
  BlobClient blobs_;
  BlobClient checkpoints_;
  std::string checkpoint_;
  mutable absl::Mutex mutex_;
  std::string missing_input_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_AGENT_AGENT_TASK_CONTEXT_H_
