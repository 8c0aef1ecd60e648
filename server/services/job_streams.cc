#include "server/services/job_streams.h"

#include <deque>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/access/listener.h"
#include "server/calls/reactors.h"
#include "server/catalog/jobs.h"
#include "server/scheduler/state_machine.h"
#include "server/services/job_proto.h"
#include "server/services/next_pairs.h"
#include "server/services/requests.h"
#include "server/workflow/task_results.h"

namespace alignflow {
namespace {

constexpr int64_t kMaxInlineBytes = 1 << 20;  // jobs.proto: Pair.image_data

absl::StatusOr<JobRecord> Find(Sql& sql, const std::string& tenant, const std::string& id) {
  std::optional<JobRecord> record = FindJob(sql, id);
  if (record && record->tenant == tenant) return *std::move(record);
  return absl::NotFoundError(
      absl::StrCat("there is no jobs/", id, "; ListJobs names those there are"));
}

// Names the file, and brings its bytes along if they are few.
absl::Status AttachFile(ServiceContext& context, const std::string& blob, v1::Digest& digest,
                        std::string& data) {
  absl::StatusOr<int64_t> size = context.blobs.SizeOf(blob);
  if (!size.ok()) {
    return absl::DataLossError(
        absl::StrCat("blob ", blob, " of a pair is gone; RerunJob makes it again"));
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

absl::Status FillInPair(ServiceContext& context, const JobRecord& of, PairRecord record,
                        v1::PairForm form, v1::Pair& pair) {
  const std::string& job = of.id;
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
  pair.set_index(static_cast<int32_t>(record.index));
  pair.set_record_json(RecordOfJob(record.record_json, of, record.index));
  absl::Status status =
      AttachFile(context, record.image, *pair.mutable_image(), *pair.mutable_image_data());
  if (status.ok()) {
    status = AttachFile(context, record.mask, *pair.mutable_mask(), *pair.mutable_mask_data());
  }
  return status;
}

class WatchCall final : public SendingCall<v1::JobEvent> {
 public:
  WatchCall(ServiceContext& context, grpc::CallbackServerContext& call,
            const v1::WatchJobRequest& request)
      : SendingCall(context.calls, CallKind::kWatch, call),
        context_(context),
        tenant_(CallerOf(call, context.access).tenant),
        name_(request.name()),
        after_event_(request.after_event()) {}

 private:
  absl::StatusOr<Next> FillIn(v1::JobEvent& event) override {
    if (last_sent_) return Next::kEnd;
    const absl::StatusOr<std::string> id = ParseName(name_, "jobs", "name");
    if (!id.ok()) return id.status();
    if (!std::exchange(subscribed_, true)) {
      changed_ = context_.workflow.changes().OnJob(*id, Waker());
      WaitForQueue(true);
    }
    const Surroundings around = SurroundingsOf(context_, tenant_);
    absl::Status status = context_.catalog.Read([&](Sql& sql) -> absl::Status {
      const absl::StatusOr<JobRecord> record = Find(sql, tenant_, *id);
      if (!record.ok()) return record.status();
      last_sent_ = IsFinal(record->state);
      int64_t number = 0;
      v1::Job shown = JobProto(sql, *record, around, &number);
      if (number <= after_event_) return absl::OkStatus();
      WaitForQueue(record->state == JobState::kQueued || !shown.waiting_reason().empty());
      event.set_number(number);
      *event.mutable_time() = ToTimestamp(record->event_time);
      *event.mutable_job() = std::move(shown);
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    if (event.number() == 0) return last_sent_ ? Next::kEnd : Next::kWait;
    after_event_ = event.number();
    return Next::kMessage;
  }
  // Whether what the queue and the workers do concerns the job.
  void WaitForQueue(bool waits) {
    if (std::exchange(waits_, waits) == waits) return;
    queue_moved_.Cancel();
    if (!waits) return;
    queue_moved_ = context_.workflow.changes().OnQueueMoved(Waker());
    // It may have moved before that.
    if (after_event_ > 0) Waker()();
  }
  void LetGo() override {
    changed_.Cancel();
    queue_moved_.Cancel();
  }

  ServiceContext& context_;
  const std::string tenant_;
  const std::string name_;
  int64_t after_event_;
  bool last_sent_ = false;
  bool subscribed_ = false;
  bool waits_ = false;
  ChangeNotifier::Subscription changed_, queue_moved_;
};

class PairsCall final : public SendingCall<v1::Pair> {
 public:
  PairsCall(ServiceContext& context, grpc::CallbackServerContext& call,
            const v1::StreamPairsRequest& request)
      : SendingCall(context.calls, CallKind::kPairs, call),
        context_(context),
        tenant_(CallerOf(call, context.access).tenant),
        name_(request.name()),
        form_(request.form()),
        next_(int64_t{request.after_index()} + 1) {}

 private:
  absl::StatusOr<Next> FillIn(v1::Pair& pair) override {
    const absl::StatusOr<std::string> id = ParseName(name_, "jobs", "name");
    if (!id.ok()) return id.status();
    if (next_ < 1) return absl::InvalidArgumentError("after_index: give 0 or more");
    if (!v1::PairForm_IsValid(form_)) {
      return absl::InvalidArgumentError("form: give one that jobs.proto names");
    }
    if (!std::exchange(subscribed_, true)) {
      changed_ = context_.workflow.changes().OnJob(*id, Waker());
    }
    for (;;) {
      while (!shard_.empty()) {
        PairRecord record = std::move(shard_.front());
        shard_.pop_front();
        next_ = record.index + 1;
        if (!record.left_out.empty()) continue;
        absl::Status status = FillInPair(context_, job_, std::move(record), form_, pair);
        if (!status.ok()) return status;
        return Next::kMessage;
      }
      NextPairs found;
      absl::Status status = context_.catalog.Read(
          [&](Sql& sql) { return FindPairs(sql, tenant_, *id, next_, found); });
      if (!status.ok()) return status;
      job_ = std::move(found.job);
      if (next_ > job_.pairs) return Next::kEnd;
      if (found.pairs.empty()) {
        if (!found.end.ok()) return found.end;
        return Next::kWait;
      }
      shard_.assign(std::make_move_iterator(found.pairs.begin()),
                    std::make_move_iterator(found.pairs.end()));
    }
  }
  void LetGo() override { changed_.Cancel(); }

  ServiceContext& context_;
  const std::string tenant_;
  const std::string name_;
  const v1::PairForm form_;
  int64_t next_;
  bool subscribed_ = false;
  ChangeNotifier::Subscription changed_;
  JobRecord job_;
  std::deque<PairRecord> shard_;  // what is left of the shard that is being sent
};

}  // namespace

grpc::ServerWriteReactor<v1::JobEvent>* StartWatch(ServiceContext& context,
                                                   grpc::CallbackServerContext& call,
                                                   const v1::WatchJobRequest& request) {
  return StartCall<WatchCall>(context, call, request);
}

grpc::ServerWriteReactor<v1::Pair>* StartPairs(ServiceContext& context,
                                               grpc::CallbackServerContext& call,
                                               const v1::StreamPairsRequest& request) {
  return StartCall<PairsCall>(context, call, request);
}

}  // namespace alignflow
