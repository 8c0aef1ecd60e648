#ifndef ALIGNFLOW_WORKER_TASKS_TASK_H_
#define ALIGNFLOW_WORKER_TASKS_TASK_H_

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/settings/task_spec.h"

namespace alignflow {

// What a running task may ask of its surroundings. The functions may be called from the task's
// thread only; they do not block on the network longer than their deadlines, after which they
// return an error that the task passes on.
class TaskContext {
 public:
  virtual ~TaskContext() = default;

  // A local file with the blob's bytes, verified against the digest. Read-only, valid while the
  // task runs.
  virtual absl::StatusOr<std::filesystem::path> Fetch(const std::string& digest) = 0;
  // Fetches many at once; the files of later Fetch calls are then local.
  virtual absl::Status Prefetch(const std::vector<std::string>& digests) = 0;
  // Stores bytes or a file as a blob and returns its sha-256 as lower-case hex.
  virtual absl::StatusOr<std::string> Store(std::string_view bytes) = 0;
  virtual absl::StatusOr<std::string> StoreFile(const std::filesystem::path& file) = 0;

  // Says how far the task is. Cheap: may be called every step.
  virtual void Report(const TaskProgress& progress) = 0;
  // True once the job is cancelled, the lease is lost or the worker shuts down. The task then
  // returns absl::CancelledError soon (within one training step).
  virtual bool Cancelled() const = 0;

  // The latest checkpoint of this task, by whichever worker, or nothing.
  virtual absl::StatusOr<std::optional<std::filesystem::path>> LoadCheckpoint() = 0;
  // Uploads a checkpoint that the next lease of this task resumes from.
  virtual absl::Status SaveCheckpoint(const std::filesystem::path& file) = 0;

  // A private empty folder for the task's temporary files, removed afterwards.
  virtual std::filesystem::path scratch() const = 0;
  // "cpu" or "cuda".
  virtual std::string device() const = 0;
  // Where this worker's folders with pretrained models lie; empty if it has none.
  virtual std::filesystem::path models_dir() const { return {}; }
  // Where the pretrained networks lie that come with the program; empty if there are none.
  virtual std::filesystem::path bundled_models_dir() const { return {}; }
};

// Runs a task of any kind. Exceptions of the engine and of OpenCV become a Status that says what
// was being done. InvalidArgument means that the input is bad and a retry is useless; other errors
// may be retried elsewhere.
absl::StatusOr<TaskOutputs> RunTask(const TaskSpec& spec, TaskContext& context);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_TASKS_TASK_H_
