#ifndef ALIGNFLOW_WORKER_AGENT_WORK_FOLDER_H_
#define ALIGNFLOW_WORKER_AGENT_WORK_FOLDER_H_

#include <filesystem>
#include <memory>

#include "absl/status/statusor.h"

namespace alignflow {

// A worker's private folder below a cache folder that several workers may share:
//   CACHE/workers/NNNNNN/      this worker's
//   CACHE/workers/NNNNNN.lock  held with flock(2) for as long as the worker lives
// A folder whose lock nobody holds belonged to a worker that died; the next worker to start removes
// it.
class WorkFolder {
 public:
  // Makes the cache folder (private to the user) if need be, removes what dead workers left, and
  // takes a folder. Errors name the path and the remedy.
  static absl::StatusOr<std::unique_ptr<WorkFolder>> Create(const std::filesystem::path& cache);
  // Removes the folder.
  ~WorkFolder();
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  WorkFolder(std::filesystem::path path, int lock) : path_(std::move(path)), lock_(lock) {}

  std::filesystem::path path_;
  int lock_;
};

// The folder that a worker uses where none is given: below XDG_CACHE_HOME, HOME or the system's
// folder for temporary files.
std::filesystem::path DefaultCacheFolder();

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_AGENT_WORK_FOLDER_H_
