#include "server/services/workers_service.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/settings/result_version.h"
#include "common/settings/settings.h"
#include "common/status_conversion.h"
#include "common/steady_now.h"
#include "server/scheduler/placement.h"
#include "server/services/requests.h"
#include "spdlog/spdlog.h"

namespace alignflow {
namespace {

constexpr size_t kMaxValues = 32;
constexpr int kMaxModels = 256;
constexpr size_t kMaxWorkerNameBytes = 64;
constexpr size_t kMaxNoteBytes = 300;
constexpr size_t kMaxErrorBytes = 4000;

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
    if (std::isfinite(value) && name.size() <= kMaxWorkerNameBytes) result.values[name] = value;
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
      abilities.presets.push_back(Start(preset, kMaxWorkerNameBytes));
    }
  }
  for (const v1::ModelFolder& model : request.models()) {
    abilities.models.push_back(
        {Start(model.name(), kMaxNoteBytes), Start(model.fingerprint(), kMaxWorkerNameBytes)});
  }
  return abilities;
}

}  // namespace

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
      id, Start(request->display_name(), kMaxNoteBytes), AbilitiesOf(*request), *mode, SteadyNow());
  if (!added.ok()) return ToGrpcStatus(added.status());
  response->set_worker_id(*added);
  const int64_t nanos = absl::ToInt64Nanoseconds(context_.heartbeat_interval);
  response->mutable_heartbeat_interval()->set_seconds(nanos / 1000000000);
  response->mutable_heartbeat_interval()->set_nanos(static_cast<int32_t>(nanos % 1000000000));
  spdlog::info("worker {} registered ({})", response->worker_id(),
               request->device() == "cuda" ? "cuda" : "cpu");
  context_.workflow.WorkersChanged();
  return grpc::Status::OK;
}

grpc::Status WorkersService::Heartbeat(grpc::ServerContext*, const v1::HeartbeatRequest* request,
                                       v1::HeartbeatResponse* response) {
  absl::Status known = TouchWorker(context_.workers, request->worker_id());
  if (!known.ok()) return ToGrpcStatus(known);
  absl::StatusOr<bool> cancel =
      context_.workflow.Heartbeat({.worker = request->worker_id(),
                                   .task_key = request->task_key(),
                                   .attempt = request->attempt(),
                                   .progress = ToProgress(request->progress()),
                                   .checkpoint = request->checkpoint_sha256()},
                                  SteadyNow());
  if (!cancel.ok()) return ToGrpcStatus(cancel.status());
  response->set_cancel(*cancel);
  return grpc::Status::OK;
}

grpc::Status WorkersService::Report(grpc::ServerContext*, const v1::ReportRequest* request,
                                    v1::ReportResponse*) {
  absl::Status status = TouchWorker(context_.workers, request->worker_id());
  if (!status.ok()) return ToGrpcStatus(status);
  const Workflow::LeaseName lease{.worker = request->worker_id(),
                                  .task_key = request->task_key(),
                                  .attempt = request->attempt()};
  switch (request->outcome_case()) {
    case v1::ReportRequest::kSuccess: {
      const auto& outputs = request->success().outputs();
      status =
          context_.workflow.ReportSuccess(lease, {outputs.begin(), outputs.end()}, SteadyNow());
      break;
    }
    case v1::ReportRequest::kFailure:
      status = context_.workflow.ReportFailure(
          lease,
          {.message = Start(request->failure().message(), kMaxErrorBytes),
           .permanent = request->failure().permanent(),
           .unsuited = request->failure().unsuited(),
           .out_of_memory = request->failure().out_of_memory(),
           .diverged = request->failure().diverged(),
           .missing_blob = request->failure().missing_sha256()},
          SteadyNow());
      break;
    case v1::ReportRequest::kHandedBack:
      status = context_.workflow.ReportHandedBack(lease, request->handed_back().checkpoint_sha256(),
                                                  SteadyNow());
      break;
    case v1::ReportRequest::OUTCOME_NOT_SET:
      status = absl::InvalidArgumentError("outcome: give success, failure or handed_back");
  }
  return ToGrpcStatus(status);
}

}  // namespace alignflow
