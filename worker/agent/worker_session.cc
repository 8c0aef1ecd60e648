#include "worker/agent/worker_session.h"

#include <random>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/settings/imported_presets.h"
#include "common/settings/result_version.h"
#include "common/settings/settings.h"
#include "common/status_conversion.h"
#include "spdlog/spdlog.h"
#include "worker/agent/agent_task_context.h"
#include "worker/agent/found_models.h"
#include "worker/tasks/diverged.h"

namespace alignflow {
namespace {

// A draining coordinator closes within seconds.
constexpr int kDrainingFailures = 5;

v1::RegisterRequest MakeRegisterRequest(const WorkerSession::Options& options) {
  v1::RegisterRequest request;
  request.set_display_name(options.display_name);
  request.set_device(options.device);
  request.set_instance_id(options.instance_id);
  request.set_memory_bytes(options.memory_bytes);
  for (const std::string& preset : PresetNames()) request.add_presets(preset);
  for (const std::string& preset : ImportedPresetNames()) request.add_presets(preset);
  for (const FoundModel& model : FindModels(options.models_dir)) {
    v1::ModelFolder* added = request.add_models();
    added->set_name(model.name);
    added->set_fingerprint(model.fingerprint);
  }
  request.set_result_version(kResultVersion);
  return request;
}

TaskSpec ToSpec(const v1::Task& task) {
  return {task.kind(),
          {task.settings().begin(), task.settings().end()},
          {task.inputs().begin(), task.inputs().end()}};
}

double Uniform() {
  thread_local std::minstd_rand generator{std::random_device{}()};
  return std::uniform_real_distribution<double>(0.0, 1.0)(generator);
}

}  // namespace

WorkerSession::WorkerSession(Channels channels, Options options, TaskRunner runner,
                             BlobCache& cache, WorkerMetrics& metrics)
    : channels_(std::move(channels)),
      options_(std::move(options)),
      runner_(std::move(runner)),
      cache_(cache),
      metrics_(metrics),
      stub_(v1::Workers::NewStub(channels_.control)),
      registration_(channels_.control, MakeRegisterRequest(options_), options_.rpc_deadline,
                    options_.on_answer) {}

absl::Status WorkerSession::Run() {
  for (int failures = 0; !stop_.IsSet();) {
    const absl::StatusOr<v1::LeaseResponse> lease = Lease();
    if (lease.ok() && lease->has_task()) {
      failures = 0;
      RunLeased(*lease);
    } else if (lease.ok()) {
      failures = 0;
      // A server that answers at once instead of waiting must not be asked without pause.
      WaitAfter(lease->draining() ? kDrainingFailures : 1);
    } else if (absl::IsFailedPrecondition(lease.status())) {
      return Annotate(lease.status(), "the coordinator refused this worker");
    } else if (!stop_.IsSet()) {
      if (++failures == 1) spdlog::warn("{}; trying again", lease.status().ToString());
      WaitAfter(failures);
    }
  }
  return absl::OkStatus();
}

void WorkerSession::Stop() {
  absl::MutexLock lock(&mutex_);
  if (stop_.IsSet()) return;
  stop_.Set();
  if (leasing_ != nullptr) leasing_->TryCancel();
  if (keeper_ != nullptr) keeper_->Cancel();
}

absl::StatusOr<v1::LeaseResponse> WorkerSession::Lease() {
  const absl::StatusOr<Registration::Membership> membership = registration_.Get();
  if (!membership.ok()) return membership.status();
  v1::LeaseRequest request;
  request.set_worker_id(membership->worker_id);
  const int64_t wait_ms = absl::ToInt64Milliseconds(options_.lease_wait);
  request.mutable_wait()->set_seconds(wait_ms / 1000);
  request.mutable_wait()->set_nanos(static_cast<int>(wait_ms % 1000) * 1000000);
  grpc::ClientContext context;
  context.set_deadline(
      absl::ToChronoTime(absl::Now() + options_.lease_wait + options_.rpc_deadline));
  {
    absl::MutexLock lock(&mutex_);
    if (stop_.IsSet()) return absl::CancelledError("stopped");
    leasing_ = &context;
  }
  v1::LeaseResponse response;
  const absl::Status status = FromGrpcStatus(stub_->Lease(&context, request, &response));
  absl::MutexLock lock(&mutex_);
  leasing_ = nullptr;
  if (absl::IsUnauthenticated(status)) registration_.Forget(membership->worker_id);
  if (!status.ok()) return status;
  options_.on_answer();
  return response;
}

void WorkerSession::RunLeased(const v1::LeaseResponse& lease) {
  const v1::Task& task = lease.task();
  spdlog::info("task {} ({}), attempt {}: begins", task.key(), task.kind(), lease.attempt());
  v1::ReportRequest report;
  report.set_task_key(task.key());
  report.set_attempt(lease.attempt());
  std::string outcome;
  {
    LeaseKeeper keeper(
        channels_.heartbeat, registration_, task.key(), lease.attempt(),
        {options_.rpc_deadline, options_.hand_back_within, options_.backoff, options_.on_answer});
    {
      absl::MutexLock lock(&mutex_);
      keeper_ = &keeper;
      if (stop_.IsSet()) keeper.Cancel();
    }
    const auto forget_keeper = absl::MakeCleanup([this] {
      absl::MutexLock lock(&mutex_);
      keeper_ = nullptr;
    });
    BlobClientOptions blobs = options_.blobs;
    blobs.owner.mutable_lease()->set_task_key(task.key());
    blobs.owner.mutable_lease()->set_attempt(lease.attempt());
    AgentTaskContext context({.channel = channels_.blobs,
                              .blob_options = std::move(blobs),
                              .device = options_.device,
                              .models_dir = options_.models_dir,
                              .bundled_models_dir = options_.bundled_models_dir,
                              .folder = options_.work_folder / absl::StrCat("task-", ++tasks_run_),
                              .checkpoint_sha256 = lease.checkpoint_sha256(),
                              .observer =
                                  [this, &task](const TaskProgress& progress) {
                                    metrics_.ObserveProgress(task.kind(), progress);
                                    metrics_.ObserveDeviceMemory(options_.device_memory());
                                  }},
                             keeper, cache_);
    const absl::StatusOr<TaskOutputs> outputs = runner_(ToSpec(task), context);
    metrics_.CountBlobBytes(context.bytes_sent(), context.bytes_received());
    if (keeper.Lost()) {
      outcome = "dropped";
    } else if (outputs.ok()) {
      outcome = "success";
      report.mutable_success()->mutable_outputs()->insert(outputs->begin(), outputs->end());
    } else if (keeper.Cancelled()) {
      outcome = "handed_back";
      report.mutable_handed_back()->set_checkpoint_sha256(context.checkpoint());
    } else {
      outcome = "failure";
      report.mutable_failure()->set_message(std::string(outputs.status().message()));
      report.mutable_failure()->set_permanent(absl::IsInvalidArgument(outputs.status()));
      report.mutable_failure()->set_unsuited(absl::IsFailedPrecondition(outputs.status()));
      report.mutable_failure()->set_out_of_memory(absl::IsResourceExhausted(outputs.status()));
      report.mutable_failure()->set_missing_sha256(context.missing_input());
      report.mutable_failure()->set_diverged(outputs.status().GetPayload(kDiverged).has_value());
    }
  }
  if (outcome != "dropped" && !Report(std::move(report))) outcome = "dropped";
  metrics_.CountTask(task.kind(), outcome);
  spdlog::info("task {} ({}), attempt {}: {}", task.key(), task.kind(), lease.attempt(), outcome);
}

bool WorkerSession::Report(v1::ReportRequest request) {
  absl::Time give_up = absl::InfiniteFuture();
  for (int failures = 0;;) {
    if (stop_.IsSet() && give_up == absl::InfiniteFuture()) {
      give_up = absl::Now() + options_.hand_back_within;
    }
    const absl::StatusOr<Registration::Membership> membership = registration_.Get();
    absl::Status status = membership.status();
    if (membership.ok()) {
      request.set_worker_id(membership->worker_id);
      grpc::ClientContext context;
      context.set_deadline(absl::ToChronoTime(absl::Now() + options_.rpc_deadline));
      v1::ReportResponse response;
      status = FromGrpcStatus(stub_->Report(&context, request, &response));
      if (status.ok()) return true;
      if (absl::IsUnauthenticated(status)) registration_.Forget(membership->worker_id);
    }
    // Anything else may pass; if it lasts, the lease runs out and the answer becomes
    // FAILED_PRECONDITION.
    const bool answered = absl::IsFailedPrecondition(status) || absl::IsInvalidArgument(status) ||
                          absl::IsNotFound(status);
    if (answered || absl::Now() >= give_up) {
      spdlog::warn("task {}: report refused: {}", request.task_key(), status.ToString());
      return false;
    }
    if (++failures == 1) {
      spdlog::warn("task {}: report: {}; trying again", request.task_key(), status.ToString());
    }
    if (stop_.IsSet()) {
      absl::SleepFor(BackoffDelay(options_.backoff, failures, Uniform()));
    } else {
      WaitAfter(failures);
    }
  }
}

void WorkerSession::WaitAfter(int failures) {
  stop_.Wait(BackoffDelay(options_.backoff, failures, Uniform()));
}

}  // namespace alignflow
