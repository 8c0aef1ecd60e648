#ifndef ALIGNFLOW_SERVER_SCHEDULER_STAGE_SUMMARY_H_
#define ALIGNFLOW_SERVER_SCHEDULER_STAGE_SUMMARY_H_

#include <string>
#include <vector>

#include "server/scheduler/task_record.h"

// What a person is told about a job's stages and about why it waits. Pure.
namespace alignflow {

// As StageState in proto/alignflow/v1/jobs.proto.
enum class StageState { kWaiting, kQueued, kRunning, kSucceeded, kReused, kFailed, kCancelled };

struct StageSummary {
  std::string id;
  StageState state = StageState::kWaiting;
  int64_t tasks_total = 0, tasks_done = 0, tasks_reused = 0;
  // Sums over the stage's tasks; those that have not said their total yet count as the average of
  // the others.
  int64_t step = 0, steps_total = 0;
  int64_t pairs = 0;
  int64_t pairs_left_out = 0;
  int64_t retries = 0;
  absl::Time start_time = absl::UnixEpoch(), end_time = absl::UnixEpoch();
};

// One stage of a job. The counts include the tasks that run.
StageSummary Summarise(JobState job, const StageCount& count);

// Why a queued job waits; empty if a worker is free and will take it at once. `busy_with` are the
// names of the tenant's jobs that workers compute for; the first three are told. `others`: they
// compute for other tenants as well.
std::string WaitingReason(int workers, const std::vector<std::string>& busy_with,
                          bool others = false);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SCHEDULER_STAGE_SUMMARY_H_
