#include <map>

#include "absl/strings/str_cat.h"
#include "server/catalog/task_trials.h"
#include "server/workflow/workflow.h"
#include "spdlog/spdlog.h"

// The part of the workflow that closes workers and opens them again.
namespace alignflow {
namespace {

// As the catalog has them.
constexpr char kCordoned[] = "cordoned", kDraining[] = "draining";

std::string NameOf(WorkerMode mode) {
  switch (mode) {
    case WorkerMode::kOpen:
      return "";
    case WorkerMode::kCordoned:
      return kCordoned;
    case WorkerMode::kDraining:
      return kDraining;
  }
  return "";
}

}  // namespace

absl::Status Workflow::SetWorkerMode(const std::string& worker, WorkerMode mode, absl::Time now) {
  absl::Status status = Apply(now, [&](Change& change) -> absl::Status {
    if (!workers_.Find(worker)) {
      return absl::NotFoundError(absl::StrCat("there is no workers/", worker,
                                              "; ListWorkers names those that are connected"));
    }
    alignflow::SetWorkerMode(change.sql, worker, NameOf(mode));
    change.MoveQueue();
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  workers_.SetMode(worker, mode);
  if (mode == WorkerMode::kOpen) workers_.Pardon(worker);
  spdlog::info("worker {} is {}", worker, mode == WorkerMode::kOpen ? "open" : NameOf(mode));
  changes_.WakeAll();  // who may take what has changed
  return status;
}

absl::StatusOr<WorkerMode> Workflow::ModeOf(const std::string& worker) {
  std::string mode;
  absl::Status status = catalog_.Read([&](Sql& sql) {
    const std::map<std::string, std::string> closed = ClosedWorkers(sql);
    const auto found = closed.find(worker);
    if (found != closed.end()) mode = found->second;
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  if (mode == kCordoned) return WorkerMode::kCordoned;
  return mode == kDraining ? WorkerMode::kDraining : WorkerMode::kOpen;
}

}  // namespace alignflow
