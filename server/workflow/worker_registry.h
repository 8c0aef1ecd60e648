#ifndef ALIGNFLOW_SERVER_WORKFLOW_WORKER_REGISTRY_H_
#define ALIGNFLOW_SERVER_WORKFLOW_WORKER_REGISTRY_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/scheduler/fleet.h"
#include "server/scheduler/placement.h"
#include "server/scheduler/worker_health.h"

namespace alignflow {

// Whether a worker takes tasks, as an operator wants it.
enum class WorkerMode { kOpen, kCordoned, kDraining };

// A connected worker.
struct WorkerRecord {
  std::string id;
  std::string display_name;
  WorkerAbilities abilities;
  WorkerMode mode = WorkerMode::kOpen;
  WorkerHealth health;
  std::map<LeaseOutcome, int64_t> lease_ends;
  absl::Time registered = absl::UnixEpoch();
  absl::Time seen = absl::UnixEpoch();
};

// The workers that are connected. In memory only: after a restart they register again. What is
// asked for a lease or a report costs the same however many they are. Thread-safe.
class WorkerRegistry {
 public:
  // At most so many are known at a time.
  static constexpr size_t kMaxWorkers = 10'000;

  // A worker that registers, under the id that it has chosen or, where that is empty, a new one.
  // One that is known already keeps its record, but for its name and abilities.
  absl::StatusOr<std::string> Add(std::string id, std::string display_name,
                                  WorkerAbilities abilities, WorkerMode mode, absl::Time now);
  // Notes a sign of life. False: the worker is not known (any more).
  bool Touch(const std::string& id, absl::Time now);
  // Forgets workers without a sign of life for longer than `patience`. Returns how many.
  int DropSilent(absl::Time now, absl::Duration patience);
  int size() const;

  std::optional<WorkerRecord> Find(const std::string& id) const;
  // By id, those behind `after`.
  std::vector<WorkerRecord> List(const std::string& after, int limit) const;
  // False: the worker is not known.
  bool SetMode(const std::string& id, WorkerMode mode);
  // Ends a quarantine.
  void Pardon(const std::string& id);
  // Whether the worker shall hand back what it computes.
  bool Drains(const std::string& id) const;

  // Whether the worker takes tasks: it is neither cordoned nor draining nor in quarantine.
  bool IsOpen(const std::string& id, absl::Time now) const;
  // Whether the worker has succeeded with a task and failed none since.
  bool IsTrusted(const std::string& id) const;

  // Notes how a lease of the worker's ended. Returns the worker, if this puts it in quarantine.
  std::optional<WorkerRecord> NoteLeaseEnd(const std::string& id, const std::string& task,
                                           LeaseOutcome outcome, const std::string& message,
                                           absl::Time now);
  // The task is at fault, and not those that failed it.
  void Exonerate(const std::string& task);

  // Shows `look` what placement looks at, as of `now`. It must not call the registry.
  void LookAtFleet(absl::Time now, absl::FunctionRef<void(const Fleet&)> look);

  // A worker waits in one call at a time: a ticket is current until the worker's next.
  int64_t NextTicket(const std::string& id);
  bool IsCurrent(const std::string& id, int64_t ticket) const;

 private:
  struct Worker {
    WorkerRecord record;
    int64_t ticket = 0;
  };

  // Keeps in step what is kept of all workers' health.
  void SetHealth(WorkerHealth health, WorkerRecord& record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether the worker takes tasks, as of the latest look at the fleet.
  bool IsOpen(const WorkerRecord& record) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const HealthPolicy health_policy_;
  mutable absl::Mutex mutex_;
  std::map<std::string, Worker> workers_ ABSL_GUARDED_BY(mutex_);
  // As of the latest look at it: workers whose quarantine has ended since are not open yet.
  Fleet fleet_ ABSL_GUARDED_BY(mutex_);
  // When quarantines end that had not ended then, and whose.
  std::set<std::pair<absl::Time, std::string>> quarantines_ ABSL_GUARDED_BY(mutex_);
  // Which workers a task counts against.
  std::map<std::string, std::set<std::string>> failed_on_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_WORKFLOW_WORKER_REGISTRY_H_
