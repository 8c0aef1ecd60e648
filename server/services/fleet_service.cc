#include "server/services/fleet_service.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status_conversion.h"
#include "common/steady_now.h"
#include "server/access/listener.h"
#include "server/catalog/tenants.h"
#include "server/services/requests.h"

namespace alignflow {
namespace {

constexpr int kDefaultPage = 100, kLargestPage = 1000;

// What a worker computes.
struct Work {
  std::string kind, job;
};

// By worker. Of other tenants' work no job is named.
std::map<std::string, Work> WorkOf(const LiveState& live, const std::string& tenant) {
  std::map<std::string, Work> work;
  for (const LiveState::Lease& lease : live.Leases()) {
    const bool named = !lease.job.empty() && lease.tenant == tenant;
    work[lease.worker] = {.kind = lease.kind, .job = named ? absl::StrCat("jobs/", lease.job) : ""};
  }
  return work;
}

v1::WorkerState StateOf(const WorkerRecord& worker, bool busy, absl::Time now) {
  switch (worker.mode) {
    case WorkerMode::kCordoned:
      return v1::WORKER_STATE_CORDONED;
    case WorkerMode::kDraining:
      return busy ? v1::WORKER_STATE_DRAINING : v1::WORKER_STATE_DRAINED;
    case WorkerMode::kOpen:
      break;
  }
  if (InQuarantine(worker.health, now)) return v1::WORKER_STATE_QUARANTINED;
  return busy ? v1::WORKER_STATE_BUSY : v1::WORKER_STATE_IDLE;
}

v1::Worker WorkerProto(const WorkerRecord& record, const std::map<std::string, Work>& work,
                       bool alone, absl::Time now) {
  v1::Worker worker;
  worker.set_name(absl::StrCat("workers/", record.id));
  worker.set_display_name(record.display_name);
  const auto busy = work.find(record.id);
  worker.set_state(StateOf(record, busy != work.end(), now));
  if (busy != work.end()) {
    worker.set_task_kind(busy->second.kind);
    worker.set_job(busy->second.job);
  }
  if (InQuarantine(record.health, now)) {
    // What a worker says may name files, of whatever tenant's task it was.
    worker.set_reason(alone ? record.health.reason
                            : "different tasks failed on it in a row; its log says why");
    *worker.mutable_quarantine_end_time() = ToTimestamp(record.health.quarantine_end);
  }
  worker.set_device(record.abilities.device);
  worker.set_memory_bytes(record.abilities.memory_bytes);
  worker.mutable_presets()->Add(record.abilities.presets.begin(), record.abilities.presets.end());
  for (const ModelFolder& model : record.abilities.models) {
    v1::ModelFolder* added = worker.add_models();
    added->set_name(model.name);
    added->set_fingerprint(model.fingerprint);
  }
  *worker.mutable_register_time() = ToTimestamp(record.registered);
  *worker.mutable_last_seen_time() = ToTimestamp(record.seen);
  for (const auto& [outcome, count] : record.lease_ends) {
    (*worker.mutable_lease_ends())[std::string(OutcomeName(outcome))] = count;
  }
  return worker;
}

absl::StatusOr<WorkerMode> ModeOf(v1::WorkerMode mode) {
  switch (mode) {
    case v1::WORKER_MODE_OPEN:
      return WorkerMode::kOpen;
    case v1::WORKER_MODE_CORDONED:
      return WorkerMode::kCordoned;
    case v1::WORKER_MODE_DRAINING:
      return WorkerMode::kDraining;
    default:
      return absl::InvalidArgumentError("mode: give one that fleet.proto names");
  }
}

}  // namespace

absl::StatusOr<bool> FleetService::OneTenant() {
  bool one = false;
  absl::Status status = context_.catalog.Read([&](Sql& sql) {
    one = !HasSeveralTenants(sql);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return one;
}

grpc::Status FleetService::ListWorkers(grpc::ServerContext* call,
                                       const v1::ListWorkersRequest* request,
                                       v1::ListWorkersResponse* response) {
  if (request->page_size() < 0) {
    return ToGrpcStatus(absl::InvalidArgumentError("page_size: give 0 to 1000"));
  }
  const int size =
      request->page_size() == 0 ? kDefaultPage : std::min(request->page_size(), kLargestPage);
  const std::map<std::string, Work> work =
      WorkOf(context_.workflow.live(), CallerOf(*call, context_.access).tenant);
  const absl::StatusOr<bool> alone = OneTenant();
  if (!alone.ok()) return ToGrpcStatus(alone.status());
  const absl::Time now = SteadyNow();
  const std::vector<WorkerRecord> page = context_.workers.List(request->page_token(), size);
  for (const WorkerRecord& worker : page)
    *response->add_workers() = WorkerProto(worker, work, *alone, now);
  if (static_cast<int>(page.size()) == size) response->set_next_page_token(page.back().id);
  return grpc::Status::OK;
}

grpc::Status FleetService::SetWorkerMode(grpc::ServerContext* call,
                                         const v1::SetWorkerModeRequest* request,
                                         v1::Worker* response) {
  const absl::StatusOr<std::string> id = ParseName(request->name(), "workers", "name");
  if (!id.ok()) return ToGrpcStatus(id.status());
  const absl::StatusOr<WorkerMode> mode = ModeOf(request->mode());
  if (!mode.ok()) return ToGrpcStatus(mode.status());
  const absl::Time now = SteadyNow();
  absl::Status status = context_.workflow.SetWorkerMode(*id, *mode, now);
  if (!status.ok()) return ToGrpcStatus(status);
  const std::map<std::string, Work> work =
      WorkOf(context_.workflow.live(), CallerOf(*call, context_.access).tenant);
  const absl::StatusOr<bool> alone = OneTenant();
  if (!alone.ok()) return ToGrpcStatus(alone.status());
  if (const auto worker = context_.workers.Find(*id)) {
    *response = WorkerProto(*worker, work, *alone, now);
  }
  return grpc::Status::OK;
}

}  // namespace alignflow
