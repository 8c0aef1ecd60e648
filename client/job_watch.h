#ifndef ALIGNFLOW_CLIENT_JOB_WATCH_H_
#define ALIGNFLOW_CLIENT_JOB_WATCH_H_

#include <string>

#include "client/patience.h"
#include "client/progress_view.h"
#include "client/session.h"

namespace alignflow {

// Shows a job's progress until it has ended, through restarts of the coordinator, and returns its
// last state. Errors are those of the calls, and DeadlineExceeded once patience has run out.
absl::StatusOr<v1::Job> WatchJob(v1::Jobs::StubInterface& jobs, const std::string& name,
                                 ProgressView& view, Patience& patience);

// Watches a job and gives what `job get` would then print. A job that fails or is cancelled is an
// error here.
absl::StatusOr<Result> FollowJob(Session& session, v1::Jobs::StubInterface& jobs,
                                 const std::string& name, absl::Duration timeout);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_JOB_WATCH_H_
