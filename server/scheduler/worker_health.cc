#include "server/scheduler/worker_health.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace alignflow {

bool NoteLeaseEnd(const HealthPolicy& policy, const std::string& task, LeaseOutcome outcome,
                  const std::string& message, absl::Time now, WorkerHealth& health) {
  if (outcome == LeaseOutcome::kSucceeded) {
    health = {};
    return false;
  }
  if (outcome != LeaseOutcome::kFailed && outcome != LeaseOutcome::kRefused) return false;
  health.failed.insert(task);
  const size_t limit = health.quarantines > 0 ? 1 : policy.max_failed_tasks;
  if (health.failed.size() < limit) return false;
  const int doublings = std::min(health.quarantines, 20);
  health.quarantine_end = now + std::min(policy.longest_quarantine,
                                         policy.first_quarantine * (int64_t{1} << doublings));
  ++health.quarantines;
  health.reason = absl::StrCat(health.failed.size(),
                               health.failed.size() == 1 ? " task" : " different tasks in a row",
                               " failed on it; the last: ", message);
  health.failed.clear();
  return true;
}

void Exonerate(const std::string& task, WorkerHealth& health) { health.failed.erase(task); }

bool InQuarantine(const WorkerHealth& health, absl::Time now) {
  return now < health.quarantine_end;
}

}  // namespace alignflow
