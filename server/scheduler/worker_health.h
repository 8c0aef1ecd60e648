#ifndef ALIGNFLOW_SERVER_SCHEDULER_WORKER_HEALTH_H_
#define ALIGNFLOW_SERVER_SCHEDULER_WORKER_HEALTH_H_

#include <set>
#include <string>

#include "absl/time/time.h"
#include "server/scheduler/lease_outcome.h"

// When a worker itself is at fault, and not its tasks. Pure.
namespace alignflow {

struct HealthPolicy {
  int max_failed_tasks = 3;  // different ones, in a row; then the worker is in quarantine
  // The first quarantine; each further one without a success between takes twice as long.
  absl::Duration first_quarantine = absl::Minutes(1);
  absl::Duration longest_quarantine = absl::Hours(1);
};

struct WorkerHealth {
  std::set<std::string> failed;  // keys of tasks that it failed since its last success
  int quarantines = 0;           // since its last success
  absl::Time quarantine_end = absl::InfinitePast();
  std::string reason;  // of the latest quarantine
};

// Notes how a lease of the worker's ended. Returns whether it is in quarantine from now on: after a
// quarantine a single failure is enough.
bool NoteLeaseEnd(const HealthPolicy& policy, const std::string& task, LeaseOutcome outcome,
                  const std::string& message, absl::Time now, WorkerHealth& health);

// The task is at fault, as another worker's failure shows.
void Exonerate(const std::string& task, WorkerHealth& health);

bool InQuarantine(const WorkerHealth& health, absl::Time now);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SCHEDULER_WORKER_HEALTH_H_
