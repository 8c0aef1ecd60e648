#ifndef ALIGNFLOW_SERVER_WORKFLOW_WORKER_REGISTRY_H_
#define ALIGNFLOW_SERVER_WORKFLOW_WORKER_REGISTRY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
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

// The workers that are connected. In memory only: after a restart they register again. Thread-safe.
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

  // Whether the worker takes tasks and can do this one.
  bool CanDo(const std::string& id, const TaskSpec& task, absl::Time now) const;
  // Whether the worker has succeeded with a task and failed none since.
  bool IsTrusted(const std::string& id) const;

  // Notes how a lease of the worker's ended. Returns the worker, if this puts it in quarantine.
  std::optional<WorkerRecord> NoteLeaseEnd(const std::string& id, const std::string& task,
                                           LeaseOutcome outcome, const std::string& message,
                                           absl::Time now);
  // The task is at fault, and not those that failed it.
  void Exonerate(const std::string& task);

  // What placement looks at, as of `now`.
  std::shared_ptr<const Fleet> FleetAt(absl::Time now) const;

  // A worker waits in one call at a time: a ticket is current until the worker's next.
  int64_t NextTicket(const std::string& id);
  bool IsCurrent(const std::string& id, int64_t ticket) const;

 private:
  struct Worker {
    WorkerRecord record;
    int64_t ticket = 0;
  };

  const HealthPolicy health_policy_;
  mutable absl::Mutex mutex_;
  std::map<std::string, Worker> workers_ ABSL_GUARDED_BY(mutex_);
  // Kept while nothing in it changes.
  mutable std::shared_ptr<const Fleet> fleet_ ABSL_GUARDED_BY(mutex_);
  mutable absl::Time fleet_until_ ABSL_GUARDED_BY(mutex_);  // when a quarantine ends
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_WORKFLOW_WORKER_REGISTRY_H_
