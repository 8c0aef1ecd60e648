#include "server/services/workers_service.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/settings/settings.h"
#include "common/status_conversion.h"
#include "server/scheduler/placement.h"
#include "server/services/requests.h"
#include "spdlog/spdlog.h"

namespace alignflow {
namespace {

constexpr absl::Duration kLongestLeaseWait = absl::Seconds(30);
constexpr size_t kMaxValues = 32;
constexpr int kMaxModels = 256;
constexpr size_t kMaxNameBytes = 64;
constexpr size_t kMaxNoteBytes = 300;
constexpr size_t kMaxErrorBytes = 4000;

absl::Duration ToDuration(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

// The first `limit` bytes, without cutting a character of UTF-8 in two.
std::string Start(const std::string& text, size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && (text[limit] & 0xc0) == 0x80) --limit;
  return text.substr(0, limit);
}

// Bounded, and without numbers that JSON does not know.
TaskProgress ToProgress(const v1::Progress& progress) {
  TaskProgress result;
  result.total = std::max<int64_t>(progress.total(), 0);
  result.step = std::clamp<int64_t>(progress.step(), 0, result.total);
  for (const auto& [name, value] : progress.values()) {
    if (result.values.size() == kMaxValues) break;
    if (std::isfinite(value) && name.size() <= kMaxNameBytes) result.values[name] = value;
  }
  result.note = Start(progress.note(), kMaxNoteBytes);
  return result;
}

WorkerAbilities AbilitiesOf(const v1::RegisterRequest& request) {
  WorkerAbilities abilities{.device = request.device() == "cuda" ? "cuda" : "cpu",
                            .memory_bytes = std::max<int64_t>(request.memory_bytes(), 0),
                            .presets = {},
                            .models = {}};
  for (const std::string& preset : request.presets()) {
    if (abilities.presets.size() < kMaxModels) {
      abilities.presets.push_back(Start(preset, kMaxNameBytes));
    }
  }
  for (const v1::ModelFolder& model : request.models()) {
    abilities.models.push_back(
        {Start(model.name(), kMaxNoteBytes), Start(model.fingerprint(), kMaxNameBytes)});
  }
  return abilities;
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

}  // namespace

absl::Status WorkersService::Touch(const std::string& worker) {
  if (context_.workers.Touch(worker, absl::Now())) return absl::OkStatus();
  return absl::UnauthenticatedError("unknown worker: register again");
}

grpc::Status WorkersService::Register(grpc::ServerContext*, const v1::RegisterRequest* request,
                                      v1::RegisterResponse* response) {
  if (request->result_version() != kResultVersion) {
    return ToGrpcStatus(absl::FailedPreconditionError(
        absl::StrCat("the worker makes results of version ", request->result_version(),
                     ", the coordinator needs ", kResultVersion, ": update the older program")));
  }
  const std::string& id = request->instance_id();
  absl::Status status = id.empty() ? absl::OkStatus() : CheckId(id, "instance_id");
  if (!status.ok()) return ToGrpcStatus(status);
  if (request->models_size() > kMaxModels) {
    return ToGrpcStatus(absl::InvalidArgumentError("models: name at most 256"));
  }
  const absl::StatusOr<WorkerMode> mode = context_.workflow.ModeOf(id);
  if (!mode.ok()) return ToGrpcStatus(mode.status());
  const absl::StatusOr<std::string> added = context_.workers.Add(
      id, Start(request->display_name(), kMaxNoteBytes), AbilitiesOf(*request), *mode, absl::Now());
  if (!added.ok()) return ToGrpcStatus(added.status());
  response->set_worker_id(*added);
  const int64_t nanos = absl::ToInt64Nanoseconds(context_.heartbeat_interval);
  response->mutable_heartbeat_interval()->set_seconds(nanos / 1000000000);
  response->mutable_heartbeat_interval()->set_nanos(static_cast<int32_t>(nanos % 1000000000));
  spdlog::info("worker {} registered ({})", response->worker_id(),
               request->device() == "cuda" ? "cuda" : "cpu");
  return ToGrpcStatus(context_.workflow.WorkersChanged(absl::Now()));
}

grpc::Status WorkersService::Lease(grpc::ServerContext* call, const v1::LeaseRequest* request,
                                   v1::LeaseResponse* response) {
  const std::string& worker = request->worker_id();
  const WaitingCall waiting(context_);
  if (!waiting.granted()) {
    return ToGrpcStatus(absl::ResourceExhaustedError("too many calls wait; try again later"));
  }
  const absl::Time until = absl::Now() + std::clamp(ToDuration(request->wait()),
                                                    absl::ZeroDuration(), kLongestLeaseWait);
  const int64_t ticket = context_.workers.NextTicket(worker);
  const auto still_there = [&] {
    return !call->IsCancelled() && context_.workers.IsCurrent(worker, ticket);
  };
  const auto woken = std::make_shared<WakeFlag>();
  for (;;) {
    ChangeNotifier::Subscription queued = context_.workflow.changes().OnTaskQueued(
        [&workers = context_.workers, worker](const TaskSpec& task) {
          const auto record = workers.Find(worker);
          return record && Lacks(record->abilities, NeedsOf(task)).empty();
        },
        [woken] { woken->Set(); });
    absl::Status known = Touch(worker);
    if (!known.ok()) return ToGrpcStatus(known);
    if (context_.workflow.draining()) {
      response->set_draining(true);
      return grpc::Status::OK;
    }
    absl::StatusOr<std::optional<TaskRecord>> task =
        context_.workflow.Lease(worker, still_there, absl::Now());
    if (!task.ok()) return ToGrpcStatus(task.status());
    if (task->has_value()) {
      SetTask(**task, *response);
      return grpc::Status::OK;
    }
    const absl::Duration left = until - absl::Now();
    if (left <= absl::ZeroDuration() || !still_there() || context_.closing) return grpc::Status::OK;
    woken->Wait(std::min(left, kLongestWait));
    if (still_there()) queued.Take();
  }
}

grpc::Status WorkersService::Heartbeat(grpc::ServerContext*, const v1::HeartbeatRequest* request,
                                       v1::HeartbeatResponse* response) {
  absl::Status known = Touch(request->worker_id());
  if (!known.ok()) return ToGrpcStatus(known);
  absl::StatusOr<bool> cancel =
      context_.workflow.Heartbeat({.worker = request->worker_id(),
                                   .task_key = request->task_key(),
                                   .attempt = request->attempt(),
                                   .progress = ToProgress(request->progress()),
                                   .checkpoint = request->checkpoint_sha256()},
                                  absl::Now());
  if (!cancel.ok()) return ToGrpcStatus(cancel.status());
  response->set_cancel(*cancel);
  return grpc::Status::OK;
}

grpc::Status WorkersService::Report(grpc::ServerContext*, const v1::ReportRequest* request,
                                    v1::ReportResponse*) {
  absl::Status status = Touch(request->worker_id());
  if (!status.ok()) return ToGrpcStatus(status);
  const Workflow::LeaseName lease{.worker = request->worker_id(),
                                  .task_key = request->task_key(),
                                  .attempt = request->attempt()};
  switch (request->outcome_case()) {
    case v1::ReportRequest::kSuccess: {
      const auto& outputs = request->success().outputs();
      status =
          context_.workflow.ReportSuccess(lease, {outputs.begin(), outputs.end()}, absl::Now());
      break;
    }
    case v1::ReportRequest::kFailure:
      status = context_.workflow.ReportFailure(
          lease,
          {.message = Start(request->failure().message(), kMaxErrorBytes),
           .permanent = request->failure().permanent(),
           .unsuited = request->failure().unsuited(),
           .out_of_memory = request->failure().out_of_memory()},
          absl::Now());
      break;
    case v1::ReportRequest::kHandedBack:
      status = context_.workflow.ReportHandedBack(lease, request->handed_back().checkpoint_sha256(),
                                                  absl::Now());
      break;
    case v1::ReportRequest::OUTCOME_NOT_SET:
      status = absl::InvalidArgumentError("outcome: give success, failure or handed_back");
  }
  return ToGrpcStatus(status);
}

}  // namespace alignflow
