#ifndef ALIGNFLOW_SERVER_WORKER_SUPERVISOR_H_
#define ALIGNFLOW_SERVER_WORKER_SUPERVISOR_H_

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/backoff.h"
#include "common/process.h"

namespace alignflow {

// The workers of --spawn-workers: child processes that are started again when they die, sooner
// after a long life than after a short one. Not thread-safe: main's thread only (see ChildProcess).
class WorkerSupervisor {
 public:
  // Runs `argv` `count` times over. Starts nothing yet.
  WorkerSupervisor(std::vector<std::string> argv, int count);

  // Starts those that are due and notes those that have died. Call it every second or so.
  void Tick(absl::Time now);

  // Asks all to stop, and kills those that still run after `grace`.
  void Stop(absl::Duration grace);

 private:
  struct Slot {
    std::optional<ChildProcess> child;
    absl::Time started = absl::InfinitePast();
    absl::Time due = absl::InfinitePast();
    int quick_deaths = 0;  // in a row
  };
  void NoteDeath(Slot& slot, int exit, absl::Time now);

  const std::vector<std::string> argv_;
  const BackoffPolicy backoff_{
      .initial = absl::Milliseconds(500), .maximum = absl::Seconds(30), .jitter = 0.0};
  std::vector<Slot> slots_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_WORKER_SUPERVISOR_H_
