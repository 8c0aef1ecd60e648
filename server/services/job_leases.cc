#include "server/services/job_leases.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "common/steady_now.h"
#include "server/catalog/task_trials.h"
#include "server/catalog/tasks.h"
#include "server/services/requests.h"

namespace alignflow {

std::string WhyNobodyTakes(Sql& sql, const std::string& job, WorkerRegistry& workers) {
  const std::optional<TaskRecord> task = QueuedTaskOfJob(sql, job);
  if (!task) return "";
  const TaskTrials trials = TrialsOfTask(sql, task->key);
  std::string why;
  bool any = false;
  workers.LookAtFleet(SteadyNow(), [&](const Fleet& fleet) {
    why = WhyNobodyCan(task->spec, trials, fleet);
    any = fleet.size() > 0;
  });
  if (why.empty() || !any) return why;
  return absl::StrCat(task->spec.kind, ": ", why);
}

void AddLeaseEnds(Sql& sql, const std::string& job, v1::Job& proto) {
  const auto ends = LeaseEndsOfJob(sql, job);
  for (v1::Stage& stage : *proto.mutable_stages()) {
    const auto of_stage = ends.find(stage.id());
    if (of_stage == ends.end()) continue;
    for (const LeaseEndCount& end : of_stage->second) {
      v1::LeaseEnds* added = stage.add_lease_ends();
      added->set_outcome(end.outcome);
      added->set_count(end.count);
      added->set_message(end.message);
      *added->mutable_time() = ToTimestamp(end.time);
    }
  }
}

}  // namespace alignflow
