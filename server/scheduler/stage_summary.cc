#include "server/scheduler/stage_summary.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/scheduler/state_machine.h"

namespace alignflow {
namespace {

// What matters of the states of a stage's tasks.
struct Presence {
  bool queued = false, running = false, failed = false;
};

StageState StateOf(JobState job, const StageSummary& stage, const Presence& tasks) {
  if (stage.tasks_done == stage.tasks_total) {
    return stage.tasks_reused == stage.tasks_total ? StageState::kReused : StageState::kSucceeded;
  }
  if (tasks.failed) return StageState::kFailed;
  if (IsFinal(job)) return StageState::kCancelled;
  // Between two shards no task runs for a moment, but the stage does.
  if (tasks.running || stage.tasks_done > stage.tasks_reused) return StageState::kRunning;
  return tasks.queued ? StageState::kQueued : StageState::kWaiting;
}

void Add(const StageCount& count, StageSummary& stage, Presence& tasks, int64_t& with_total) {
  stage.tasks_total += count.tasks;
  stage.tasks_reused += count.reused;
  stage.step += count.step;
  stage.steps_total += count.total;
  stage.pairs += count.pairs;
  stage.pairs_left_out += count.pairs_left_out;
  stage.retries += count.retries;
  with_total += count.tasks_with_total;
  if (!count.named) return;
  if (count.state == TaskState::kSucceeded) stage.tasks_done += count.tasks;
  tasks.queued |= count.state == TaskState::kQueued;
  tasks.running |= count.state == TaskState::kRunning;
  tasks.failed |= count.state == TaskState::kFailed;
  const absl::Time none = absl::UnixEpoch();
  if (count.start_time != none) {
    stage.start_time =
        stage.start_time == none ? count.start_time : std::min(stage.start_time, count.start_time);
  }
  stage.end_time = std::max(stage.end_time, count.end_time);
}

}  // namespace

std::vector<StageSummary> SummariseStages(JobState job, const std::vector<StageCount>& counts) {
  std::vector<StageSummary> stages;
  for (size_t i = 0; i < counts.size();) {
    StageSummary stage;
    stage.id = counts[i].stage;
    Presence tasks;
    int64_t with_total = 0;
    for (; i < counts.size() && counts[i].stage == stage.id; ++i) {
      Add(counts[i], stage, tasks, with_total);
    }
    stage.state = StateOf(job, stage, tasks);
    if (with_total > 0) stage.steps_total = stage.steps_total * stage.tasks_total / with_total;
    const bool goes_on = stage.state == StageState::kWaiting ||
                         stage.state == StageState::kQueued || stage.state == StageState::kRunning;
    if (goes_on) stage.end_time = absl::UnixEpoch();
    stages.push_back(stage);
  }
  return stages;
}

std::string WaitingReason(int workers, const std::vector<std::string>& busy_with) {
  if (workers == 0) return "no worker is connected";
  if (busy_with.empty()) return "";
  return absl::StrCat(workers, workers == 1 ? " worker" : " workers", ", busy with ",
                      absl::StrJoin(busy_with, ", "));
}

}  // namespace alignflow
