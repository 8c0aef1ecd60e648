#include "client/job_watch.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "client/call.h"
#include "client/interrupt.h"
#include "client/job_text.h"
#include "client/timestamps.h"

namespace alignflow {
namespace {

// Reads events into `job` until the stream ends. Returns how it ended.
absl::Status ReadEvents(v1::Jobs::StubInterface& jobs, v1::Job& job, int64_t& last_event,
                        ProgressView& view, Patience& patience) {
  grpc::ClientContext context;
  SetDeadline(context, kStreamDeadline);
  v1::WatchJobRequest request;
  request.set_name(job.name());
  request.set_after_event(last_event);
  auto stream = jobs.WatchJob(&context, request);
  v1::JobEvent event;
  while (stream->Read(&event)) {
    patience.Answered();
    last_event = event.number();
    job = event.job();
    view.Show(job, ToAbslTime(event.time()));
  }
  absl::Status status = FromGrpcStatus(stream->Finish());
  if (!absl::IsDeadlineExceeded(status)) return status;
  // Nothing happened for a minute: that is no failure, and the next GetJob asks whether anyone is
  // there.
  patience.Answered();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::Job> WatchJob(v1::Jobs::StubInterface& jobs, const std::string& name,
                                 ProgressView& view, Patience& patience) {
  v1::GetJobRequest request;
  request.set_name(name);
  int64_t last_event = 0;
  while (true) {
    auto job = Call(jobs, &v1::Jobs::StubInterface::GetJob, request);
    absl::Status status = job.status();
    if (job.ok()) {
      if (IsFinal(job->state())) {
        patience.Answered();
        view.Show(*job, absl::Now());
        return job;
      }
      status = ReadEvents(jobs, *job, last_event, view, patience);
      if (status.ok()) continue;
    }
    absl::Status go_on = patience.AfterFailure(status);
    if (!go_on.ok()) return go_on;
  }
}

absl::StatusOr<Result> FollowJob(Session& session, v1::Jobs::StubInterface& jobs,
                                 const std::string& name, absl::Duration timeout) {
  const InterruptNote note(
      absl::StrCat(name, " goes on\n  ", session.Command(absl::StrCat("job watch ", name)),
                   "    to see its progress again\n  ",
                   session.Command(absl::StrCat("job cancel ", name)), "   to stop it"));
  ProgressView view(session.console);
  Patience patience(timeout, [&view](const std::string& line) { view.Say(line); });
  auto job = WatchJob(jobs, name, view, patience);
  if (!job.ok()) return job.status();
  if (job->state() == v1::JOB_STATE_FAILED) {
    return absl::AbortedError(absl::StrCat(name, " failed: ", job->error()));
  }
  if (job->state() == v1::JOB_STATE_CANCELLED) {
    return absl::CancelledError(absl::StrCat(name, " was cancelled"));
  }
  return JobResult(jobs, *job, session.console.out_width);
}

}  // namespace alignflow
