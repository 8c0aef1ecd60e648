#ifndef ALIGNFLOW_BENCHMARKS_COORDINATOR_FINISHED_JOBS_H_
#define ALIGNFLOW_BENCHMARKS_COORDINATOR_FINISHED_JOBS_H_

#include <filesystem>

#include "absl/status/status.h"

namespace alignflow {

// Writes a catalog with so many jobs that have succeeded, each with eight stages, two references
// and a task of its own in six of the stages.
absl::Status WriteFinishedJobs(const std::filesystem::path& catalog, int jobs);

}  // namespace alignflow

#endif  // ALIGNFLOW_BENCHMARKS_COORDINATOR_FINISHED_JOBS_H_
