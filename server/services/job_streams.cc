#include "server/services/job_streams.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/catalog/jobs.h"
#include "server/catalog/results.h"
#include "server/catalog/tasks.h"
#include "server/scheduler/state_machine.h"
#include "server/scheduler/task_rules.h"
#include "server/services/job_proto.h"
#include "server/services/requests.h"
#include "server/workflow/task_results.h"

namespace alignflow {
namespace {

constexpr int64_t kMaxInlineBytes = 1 << 20;  // jobs.proto: Pair.image_data

absl::Status TooManyStreams() {
  return absl::ResourceExhaustedError(
      "too many clients wait at the same time; close some streams or try again later");
}

absl::Status ClientGone() { return absl::CancelledError("the client has gone"); }

// Whether the stream has to end whatever the job does.
absl::Status CheckOpen(const ServiceContext& context, const grpc::ServerContext& call) {
  if (call.IsCancelled()) return ClientGone();
  if (context.closing) return absl::UnavailableError("the coordinator is closing; ask again");
  return absl::OkStatus();
}

absl::StatusOr<JobRecord> Find(Sql& sql, const std::string& id) {
  std::optional<JobRecord> record = FindJob(sql, id);
  if (record) return *std::move(record);
  return absl::NotFoundError(
      absl::StrCat("there is no jobs/", id, "; ListJobs names those there are"));
}

// What StreamPairs can send next.
struct NextPairs {
  std::vector<PairRecord> pairs;
  JobRecord job;
};

// The pairs from `next` on that are in its shard, if that is done.
absl::Status FindPairs(Sql& sql, const std::string& id, int64_t next, NextPairs& found) {
  absl::StatusOr<JobRecord> job = Find(sql, id);
  if (!job.ok()) return job.status();
  found.job = *std::move(job);
  const auto place = FindJobTask(sql, id, "generate", ShardOfPair(next));
  if (!place || place->task_key.empty()) return absl::OkStatus();
  const auto task = FindTask(sql, place->task_key);
  if (!task || task->state != TaskState::kSucceeded) return absl::OkStatus();
  found.pairs = PairsOfTask(sql, place->task_key);
  std::erase_if(found.pairs, [next](const PairRecord& pair) { return pair.index < next; });
  return absl::OkStatus();
}

// Names the file, and brings its bytes along if they are few.
absl::Status AttachFile(ServiceContext& context, const std::string& blob, v1::Digest& digest,
                        std::string& data) {
  absl::StatusOr<int64_t> size = context.blobs.SizeOf(blob);
  if (!size.ok()) {
    return absl::DataLossError(
        absl::StrCat("blob ", blob, " of a pair is gone; run the job again to make it anew"));
  }
  digest.set_sha256(blob);
  digest.set_size_bytes(*size);
  if (*size > kMaxInlineBytes) return absl::OkStatus();
  absl::StatusOr<std::string> bytes = context.blobs.Get(blob, kMaxInlineBytes);
  if (!bytes.ok()) return bytes.status();
  context.metrics.AddBytesOut(*size);
  data = *std::move(bytes);
  return absl::OkStatus();
}

absl::Status SendPair(ServiceContext& context, const std::string& job, PairRecord record,
                      v1::PairForm form, grpc::ServerWriter<v1::Pair>& writer) {
  if (form == v1::PAIR_FORM_VIEW) {
    if (record.view_image.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the pairs of jobs/", job,
                       " have no views: it ran with framing=none; ask "
                       "for them as they are"));
    }
    record.image = std::move(record.view_image);
    record.mask = std::move(record.view_mask);
  }
  v1::Pair pair;
  pair.set_index(static_cast<int32_t>(record.index));
  pair.set_record_json(RecordOfJob(record.record_json, absl::StrCat("jobs/", job), record.index));
  absl::Status status =
      AttachFile(context, record.image, *pair.mutable_image(), *pair.mutable_image_data());
  if (status.ok()) {
    status = AttachFile(context, record.mask, *pair.mutable_mask(), *pair.mutable_mask_data());
  }
  if (!status.ok()) return status;
  return writer.Write(pair) ? absl::OkStatus() : ClientGone();
}

absl::Status EndedBefore(const JobRecord& job, int64_t next) {
  return absl::FailedPreconditionError(absl::StrCat(
      "jobs/", job.id, job.state == JobState::kCancelled ? " was cancelled" : " failed",
      " before pair ", next, job.error.empty() ? "" : absl::StrCat(": ", job.error)));
}

}  // namespace

absl::Status SendEvents(ServiceContext& context, grpc::ServerContext& call, const std::string& job,
                        int64_t after_event, grpc::ServerWriter<v1::JobEvent>& writer) {
  const WaitingCall waiting(context);
  if (!waiting.granted()) return TooManyStreams();
  const auto changed = std::make_shared<WakeFlag>();
  const auto watched = context.workflow.changes().OnJob(job, [changed] { changed->Set(); });
  const auto queue = context.workflow.changes().OnQueueMoved([changed] { changed->Set(); });
  for (;;) {
    v1::JobEvent event;
    bool last = false;
    absl::Status status = context.catalog.Read([&](Sql& sql) -> absl::Status {
      absl::StatusOr<JobRecord> record = Find(sql, job);
      if (!record.ok()) return record.status();
      last = IsFinal(record->state);
      if (record->last_event <= after_event) return absl::OkStatus();
      event.set_number(record->last_event);
      *event.mutable_time() = ToTimestamp(record->event_time);
      *event.mutable_job() = JobProto(sql, *record, *context.workers.FleetAt(absl::Now()));
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    if (event.number() > 0) {
      if (!writer.Write(event)) return ClientGone();
      after_event = event.number();
    }
    if (last) return absl::OkStatus();
    absl::Status open = CheckOpen(context, call);
    if (!open.ok()) return open;
    changed->Wait(kLongestWait);
  }
}

absl::Status SendPairs(ServiceContext& context, grpc::ServerContext& call, const std::string& job,
                       const v1::StreamPairsRequest& request,
                       grpc::ServerWriter<v1::Pair>& writer) {
  const WaitingCall waiting(context);
  if (!waiting.granted()) return TooManyStreams();
  if (request.after_index() < 0) return absl::InvalidArgumentError("after_index: give 0 or more");
  if (!v1::PairForm_IsValid(request.form())) {
    return absl::InvalidArgumentError("form: give one that jobs.proto names");
  }
  const auto changed = std::make_shared<WakeFlag>();
  const auto watched = context.workflow.changes().OnJob(job, [changed] { changed->Set(); });
  for (int64_t next = request.after_index() + 1;;) {
    NextPairs found;
    absl::Status status =
        context.catalog.Read([&](Sql& sql) { return FindPairs(sql, job, next, found); });
    if (!status.ok()) return status;
    for (const PairRecord& pair : found.pairs) {
      if (pair.left_out.empty()) status = SendPair(context, job, pair, request.form(), writer);
      if (!status.ok()) return status;
      next = pair.index + 1;
    }
    if (next > found.job.pairs) return absl::OkStatus();
    absl::Status open = CheckOpen(context, call);
    if (!open.ok()) return open;
    if (!found.pairs.empty()) continue;
    if (found.job.state == JobState::kFailed || found.job.state == JobState::kCancelled) {
      return EndedBefore(found.job, next);
    }
    changed->Wait(kLongestWait);
  }
}

}  // namespace alignflow
