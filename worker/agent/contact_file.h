#ifndef ALIGNFLOW_WORKER_AGENT_CONTACT_FILE_H_
#define ALIGNFLOW_WORKER_AGENT_CONTACT_FILE_H_

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace alignflow {

// When the coordinator last answered this worker, as a file that a probe of another process reads:
// seconds of the machine's monotonic clock, which nobody sets. Thread-safe.
class ContactFile {
 public:
  static constexpr char kName[] = "contact";  // in a worker's folder (work_folder.h)

  // `folder` must exist, and outlive this. Writes nothing yet.
  explicit ContactFile(const std::filesystem::path& folder) : path_(folder / kName) {}

  // The coordinator has answered. Writes at most once a second; a disk that is full only makes the
  // probe fail.
  void Touch();

 private:
  const std::filesystem::path path_;
  std::atomic<int64_t> written_ = -1;
};

// How long ago the coordinator last answered a worker of a cache folder, the least of them if there
// are several. FailedPrecondition if it never has.
absl::StatusOr<absl::Duration> ContactAge(const std::filesystem::path& cache);

// Runs `alignflow-worker --probe ...`. Returns the exit code: 0 if the coordinator has answered
// within the time in which a worker that is well asks it again.
int RunProbeCommand(int argc, char** argv);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_AGENT_CONTACT_FILE_H_
