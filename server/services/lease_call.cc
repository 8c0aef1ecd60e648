#include "server/services/lease_call.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "common/steady_now.h"
#include "server/calls/reactors.h"
#include "server/scheduler/placement.h"

namespace alignflow {
namespace {

constexpr absl::Duration kLongestWait = absl::Seconds(30);  // workers.proto
// A task that is queued wakes a worker. That a worker may take now what it might not before,
// because another has gone or its own quarantine has ended, is found out by looking again.
constexpr absl::Duration kLookAgain = absl::Seconds(5);

absl::Duration ToDuration(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

void SetTask(const TaskRecord& record, v1::LeaseResponse& response) {
  v1::Task* task = response.mutable_task();
  task->set_key(record.key);
  task->set_kind(record.spec.kind);
  task->mutable_settings()->insert(record.spec.settings.begin(), record.spec.settings.end());
  task->mutable_inputs()->insert(record.spec.inputs.begin(), record.spec.inputs.end());
  response.set_attempt(record.attempt);
  response.set_checkpoint_sha256(record.checkpoint);
}

class LeaseCall final : public CallOf<grpc::ServerUnaryReactor> {
 public:
  LeaseCall(ServiceContext& context, grpc::CallbackServerContext& call,
            const v1::LeaseRequest& request, v1::LeaseResponse& response)
      : CallOf(context.calls, CallKind::kLease, call),
        context_(context),
        worker_(request.worker_id()),
        until_(SteadyNow() +
               std::clamp(ToDuration(request.wait()), absl::ZeroDuration(), kLongestWait)),
        ticket_(context.workers.NextTicket(worker_)),
        response_(response) {}

  void Tick(absl::Time now) override {
    if (ended()) return;  // it says nothing of its worker any more
    CallOf::Tick(now);
    const bool lives = context_.workers.Touch(worker_, now);
    if (!lives || !WorkerWaits() || now >= until_ || absl::ToUnixSeconds(now) >= look_again_)
      Wake();
  }
  bool urgent() const override { return true; }

 private:
  bool WorkerWaits() const { return !gone() && context_.workers.IsCurrent(worker_, ticket_); }

  void Step() override {
    if (ended()) return;
    if (gone()) return End(absl::CancelledError("the worker has gone"));
    if (shut_out() && EndIfOver()) return;
    const absl::Time now = SteadyNow();
    absl::Status known = TouchWorker(context_.workers, worker_);
    if (!known.ok()) return End(known);
    if (context_.workflow.draining()) {
      response_.set_draining(true);
      return End(absl::OkStatus());
    }
    if (context_.serving.state() != ServingState::kServing) {  // running tasks alone go on
      if (now >= until_ || !WorkerWaits()) End(absl::OkStatus());
      return;
    }
    Subscribe();
    look_again_ = absl::ToUnixSeconds(now + kLookAgain);
    const absl::StatusOr<std::optional<TaskRecord>> task = context_.workflow.Lease(
        worker_, [this] { return WorkerWaits(); }, now);
    if (!task.ok()) return End(task.status());
    if (task->has_value()) SetTask(**task, response_);
    if (task->has_value() || now >= until_ || !WorkerWaits()) End(absl::OkStatus());
  }

  // Before it is looked for a task, so that none that comes meanwhile is missed.
  void Subscribe() {
    if (std::exchange(subscribed_, true) && !*task_waits_) return queued_.Renew();
    queued_.Take();
    *task_waits_ = false;
    const std::optional<WorkerRecord> worker = context_.workers.Find(worker_);
    queued_ = context_.workflow.changes().OnTaskQueued(
        worker ? worker->abilities : WorkerAbilities(),
        [&workers = context_.workers, id = worker_] { return workers.IsOpen(id, SteadyNow()); },
        [wake = Waker(), task_waits = task_waits_] {
          *task_waits = true;
          wake();
        });
  }
  // A task that this worker was woken for and did not take is another's.
  void LetGo() override { queued_.Cancel(); }

  ServiceContext& context_;
  const std::string worker_;
  const absl::Time until_;
  const int64_t ticket_;
  v1::LeaseResponse& response_;
  std::atomic<int64_t> look_again_ = INT64_MAX;  // seconds since 1970
  bool subscribed_ = false;
  // Whether the subscription, which does so once, has woken the call.
  const std::shared_ptr<std::atomic<bool>> task_waits_ = std::make_shared<std::atomic<bool>>(false);
  ChangeNotifier::Subscription queued_;
};

}  // namespace

absl::Status TouchWorker(WorkerRegistry& workers, const std::string& worker) {
  if (workers.Touch(worker, SteadyNow())) return absl::OkStatus();
  return absl::UnauthenticatedError("unknown worker: register again");
}

grpc::ServerUnaryReactor* StartLease(ServiceContext& context, grpc::CallbackServerContext& call,
                                     const v1::LeaseRequest& request, v1::LeaseResponse& response) {
  return StartCall<LeaseCall>(context, call, request, response);
}

}  // namespace alignflow
