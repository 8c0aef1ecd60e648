#ifndef ALIGNFLOW_SERVER_WORKFLOW_WORKER_REGISTRY_H_
#define ALIGNFLOW_SERVER_WORKFLOW_WORKER_REGISTRY_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace alignflow {

// The workers that are connected. In memory only: after a restart they register again. Thread-safe.
class WorkerRegistry {
 public:
  // A new worker's id.
  std::string Add(absl::Time now);
  // Notes a sign of life. False: the worker is not known (any more).
  bool Touch(const std::string& id, absl::Time now);
  // Forgets workers without a sign of life for longer than `patience`. Returns how many.
  int DropSilent(absl::Time now, absl::Duration patience);
  int size() const;

  // A worker waits in one call at a time: a ticket is current until the worker's next.
  int64_t NextTicket(const std::string& id);
  bool IsCurrent(const std::string& id, int64_t ticket) const;

 private:
  struct Worker {
    absl::Time seen;
    int64_t ticket = 0;
  };
  mutable absl::Mutex mutex_;
  std::map<std::string, Worker> workers_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_WORKFLOW_WORKER_REGISTRY_H_
