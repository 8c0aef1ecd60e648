// How jobs go, when asked for or by their age.
#include "server/catalog/deletion.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/catalog/jobs.h"
#include "server/catalog/retention.h"
#include "server/scheduler/state_machine.h"
#include "server/workflow/workflow.h"
#include "spdlog/spdlog.h"

namespace alignflow {
namespace {

// In one transaction: a task may have 32 pairs.
constexpr int kDeletedTasksPerStep = 50;
constexpr int kDeletedJobsPerStep = 10;

}  // namespace

absl::Status Workflow::DeleteJob(const std::string& id, absl::Time now) {
  absl::Status status = Apply(now, [&](Change& change) -> absl::Status {
    const std::optional<JobRecord> job = FindJob(change.sql, id);
    if (!job) return absl::NotFoundError(absl::StrCat("there is no jobs/", id));
    if (!IsFinal(job->state)) {
      return absl::FailedPreconditionError(absl::StrCat(
          "jobs/", id, " has not ended; cancel it or wait for its end, then delete it"));
    }
    change.AddEvent(id);  // wakes those who watch it
    alignflow::DeleteJob(change.sql, id);
    return absl::OkStatus();
  });
  if (status.ok()) spdlog::info("jobs/{} deleted", id);
  return status;
}

absl::Status Workflow::DeleteOldJobs(absl::Duration age, absl::Time now) {
  std::vector<std::string> jobs;
  absl::Status status = catalog_.Read([&](Sql& sql) {
    jobs = JobsPastRetention(sql, age, now, kDeletedJobsPerStep);
    return absl::OkStatus();
  });
  for (const std::string& job : jobs) {
    if (status.ok()) status = DeleteJob(job, now);
  }
  return status;
}

absl::Status Workflow::Sweep() {
  bool more = true, any = false;
  while (more) {
    absl::Status status = catalog_.Read([&](Sql& sql) {
      more = TasksAreLeft(sql);
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    if (!more) break;
    any = true;
    status = catalog_.Transact([&](WritingSql& sql) {
      SweepTasks(sql, kDeletedTasksPerStep);
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
  }
  // What was deleted must not lie in the journal.
  return any ? catalog_.ForgetDeleted() : absl::OkStatus();
}

}  // namespace alignflow
