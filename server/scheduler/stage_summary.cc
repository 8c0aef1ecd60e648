#include "server/scheduler/stage_summary.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/counted.h"
#include "server/scheduler/state_machine.h"

namespace alignflow {
namespace {

// Of the jobs that workers compute for.
constexpr size_t kMostNamed = 3;

StageState StateOf(JobState job, const StageCount& stage) {
  if (stage.succeeded == stage.tasks) {
    return stage.reused == stage.tasks ? StageState::kReused : StageState::kSucceeded;
  }
  if (stage.failed > 0) return StageState::kFailed;
  if (IsFinal(job)) return StageState::kCancelled;
  // Between two shards no task runs for a moment, but the stage does.
  if (stage.running > 0 || stage.succeeded > stage.reused) return StageState::kRunning;
  return stage.queued > 0 ? StageState::kQueued : StageState::kWaiting;
}

}  // namespace

StageSummary Summarise(JobState job, const StageCount& count) {
  StageSummary stage{.id = count.stage,
                     .state = StateOf(job, count),
                     .tasks_total = count.tasks,
                     .tasks_done = count.succeeded,
                     .tasks_reused = count.reused,
                     .step = count.step,
                     .steps_total = count.total,
                     .pairs = count.pairs,
                     .pairs_left_out = count.pairs_left_out,
                     .retries = count.retries,
                     .start_time = count.start_time,
                     .end_time = count.end_time};
  if (count.tasks_with_total > 0) {
    stage.steps_total = stage.steps_total * count.tasks / count.tasks_with_total;
  }
  const bool goes_on = stage.state == StageState::kWaiting || stage.state == StageState::kQueued ||
                       stage.state == StageState::kRunning;
  if (goes_on) stage.end_time = absl::UnixEpoch();
  return stage;
}

std::string WaitingReason(int workers, const std::vector<std::string>& busy_with, bool others) {
  if (workers == 0) return "no worker is connected";
  if (busy_with.empty() && !others) return "";
  const size_t named = std::min(busy_with.size(), kMostNamed);
  std::string names = absl::StrJoin(busy_with.begin(), busy_with.begin() + named, ", ");
  if (busy_with.size() > named) absl::StrAppend(&names, " and ", busy_with.size() - named, " more");
  if (others) absl::StrAppend(&names, names.empty() ? "" : " and ", "jobs of other tenants");
  return absl::StrCat(Counted(workers, "worker"), ", busy with ", names);
}

}  // namespace alignflow
