#include "server/services/next_pairs.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/catalog/jobs.h"
#include "server/catalog/result_states.h"
#include "server/catalog/results.h"
#include "server/scheduler/state_machine.h"
#include "server/scheduler/task_rules.h"

namespace alignflow {
namespace {

// The state of the result at the pair's place; nothing if there is none yet.
std::optional<ResultRecord> ResultOfPair(Sql& sql, const std::string& job, int64_t pair,
                                         std::string& task_key) {
  const auto place = FindJobTask(sql, job, "generate", ShardOfPair(pair));
  if (!place || place->task_key.empty()) return std::nullopt;
  task_key = place->task_key;
  return ResultOfTask(sql, task_key);
}

// Of a finished job without the pair.
absl::Status EndAt(const JobRecord& job, int64_t next, const std::optional<ResultRecord>& result) {
  if (job.state == JobState::kSucceeded && result && result->state == ResultState::kBad) {
    return absl::FailedPreconditionError(absl::StrCat("the pairs of jobs/", job.id, " from ", next,
                                                      " on were declared bad (", result->reason,
                                                      "); RerunJob makes them again"));
  }
  if (job.state == JobState::kSucceeded) {
    return absl::DataLossError(absl::StrCat("the pairs of jobs/", job.id, " from ", next,
                                            " on are lost; RerunJob makes them again"));
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "jobs/", job.id, job.state == JobState::kCancelled ? " was cancelled" : " failed",
      " before pair ", next, job.error.empty() ? "" : absl::StrCat(": ", job.error)));
}

}  // namespace

absl::Status FindPairs(Sql& sql, const std::string& tenant, const std::string& id, int64_t next,
                       NextPairs& found) {
  std::optional<JobRecord> job = FindJob(sql, id);
  if (!job || job->tenant != tenant) {
    return absl::NotFoundError(
        absl::StrCat("there is no jobs/", id, "; ListJobs names those there are"));
  }
  found.job = *std::move(job);
  if (found.job.kind == JobKind::kFit) {
    return absl::FailedPreconditionError(absl::StrCat(
        "jobs/", id, " makes a model and no pairs; `afctl generate` makes pairs with that model"));
  }
  std::string task_key;
  const std::optional<ResultRecord> result = ResultOfPair(sql, id, next, task_key);
  if (result && result->state == ResultState::kWhole) {
    found.pairs = PairsOfTask(sql, task_key);
    std::erase_if(found.pairs, [next](const PairRecord& pair) { return pair.index < next; });
  }
  if (found.pairs.empty() && IsFinal(found.job.state)) found.end = EndAt(found.job, next, result);
  return absl::OkStatus();
}

}  // namespace alignflow
