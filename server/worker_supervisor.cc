#include "server/worker_supervisor.h"

#include <utility>

#include "absl/status/statusor.h"
#include "common/steady_now.h"
#include "spdlog/spdlog.h"

namespace alignflow {
namespace {

// Who lived for longer was not broken from the start.
constexpr absl::Duration kQuickDeath = absl::Seconds(30);

}  // namespace

WorkerSupervisor::WorkerSupervisor(std::vector<std::string> argv, int count)
    : argv_(std::move(argv)), slots_(count) {}

void WorkerSupervisor::NoteDeath(Slot& slot, int exit, absl::Time now) {
  slot.child.reset();
  slot.quick_deaths = now - slot.started < kQuickDeath ? slot.quick_deaths + 1 : 1;
  const absl::Duration delay = BackoffDelay(backoff_, slot.quick_deaths, 0.0);
  slot.due = now + delay;
  spdlog::warn("a worker process ended ({}{}); starting another in {:.1f} s",
               exit < 0 ? "signal " : "exit code ", exit < 0 ? -exit : exit,
               absl::ToDoubleSeconds(delay));
}

void WorkerSupervisor::Tick(absl::Time now) {
  for (Slot& slot : slots_) {
    if (slot.child) {
      if (const std::optional<int> exit = slot.child->Poll()) NoteDeath(slot, *exit, now);
    }
    if (slot.child || now < slot.due) continue;
    slot.started = now;
    absl::StatusOr<ChildProcess> child = ChildProcess::Spawn(argv_);
    if (child.ok()) {
      slot.child.emplace(*std::move(child));
      spdlog::info("started worker process {}", slot.child->pid());
    } else {
      spdlog::error("can't start a worker: {}", std::string(child.status().message()));
      NoteDeath(slot, 127, now);
    }
  }
}

void WorkerSupervisor::Stop(absl::Duration grace) {
  for (Slot& slot : slots_) {
    if (slot.child) slot.child->RequestStop();
  }
  const absl::Time deadline = SteadyNow() + grace;
  for (Slot& slot : slots_) {
    if (slot.child) slot.child->WaitOrKill(deadline - SteadyNow());
    slot.child.reset();
  }
}

}  // namespace alignflow
