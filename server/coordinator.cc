#include "server/coordinator.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/channel.h"
#include "common/listen_address.h"
#include "common/partial_file.h"
#include "common/steady_now.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/resource_quota.h"
#include "grpcpp/server_builder.h"
#include "server/access/access_keys.h"
#include "server/access/server_secrets.h"
#include "server/audit/audit_rules.h"
#include "server/audit/audited_calls.h"
#include "server/blobs/blob_stream.h"
#include "server/blobs/folder_blobs.h"
#include "server/blobs/object_blobs.h"
#include "server/catalog/jobs.h"
#include "server/catalog/queue.h"
#include "server/catalog/tasks.h"
#include "server/catalog/tenants.h"
#include "server/opened_state.h"
#include "server/probe_command.h"
#include "server/services/admin_service.h"
#include "server/services/blobs_service.h"
#include "server/services/datasets_service.h"
#include "server/services/fleet_service.h"
#include "server/services/jobs_service.h"
#include "server/services/models_service.h"
#include "server/services/rpc_metrics.h"
#include "server/services/server_service.h"
#include "server/services/tenants_service.h"
#include "server/services/workers_service.h"
#include "spdlog/spdlog.h"

namespace alignflow {
namespace {

// For calls that do not last. Those that do (server/calls/) hold none while they wait.
constexpr int kMaxThreads = 64;
// For the steps of calls that last: they read and write files and the catalog.
constexpr int kCallThreads = 4;
// The same where such a step may wait for an object store.
constexpr int kRemoteCallThreads = 32;
// What gRPC may hold for messages on their way.
constexpr size_t kMemoryQuotaBytes = 512 << 20;
constexpr absl::Duration kMaintenanceInterval = absl::Seconds(1);
constexpr absl::Duration kGarbageInterval = absl::Minutes(5);
constexpr absl::Duration kShutdownPatience = absl::Seconds(3);
constexpr absl::Duration kCertificateInterval = absl::Minutes(1);
constexpr absl::Duration kClockStep = absl::Seconds(1);  // worth telling

void LogError(const char* what, const absl::Status& status) {
  if (!status.ok()) spdlog::error("{}: {}", what, std::string(status.message()));
}

// Whether nobody but this machine can reach it.
bool IsLocal(const CoordinatorOptions& options) {
  const absl::StatusOr<HostPort> address = ParseHostPort(options.listen);
  return options.listen.empty() || (address.ok() && address->IsLoopback());
}

absl::Status CheckListener(const CoordinatorOptions& options) {
  if (options.listen.empty()) return absl::OkStatus();
  const absl::StatusOr<HostPort> address = ParseHostPort(options.listen);
  if (!address.ok()) return address.status();
  if (options.tls.given()) return CheckTlsFiles(options.tls, absl::Now()).status();
  if (IsLocal(options)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--listen ", options.listen,
                   ": beyond this machine's loopback only with TLS; give --tls-cert and --tls-key, "
                   "or listen on 127.0.0.1:",
                   address->port, " and reach it through an SSH tunnel"));
}

absl::StatusOr<std::unique_ptr<BlobStore>> OpenBlobs(const std::filesystem::path& folder,
                                                     const CoordinatorOptions& options) {
  if (!options.bucket.given()) return FolderBlobs::Open(folder);
  return ObjectBlobs::Open(folder, {.bucket = options.bucket, .cache_bytes = options.blob_cache});
}

}  // namespace

struct Coordinator::Services {
  Services(ServiceContext& context, KeyRing& keys)
      : admin(context, keys),
        blobs(context),
        datasets(context),
        fleet(context),
        jobs(context),
        models(context),
        server(context),
        tenants(context),
        workers(context) {}

  AdminService admin;
  BlobsService blobs;
  DatasetsService datasets;
  FleetService fleet;
  JobsService jobs;
  ModelsService models;
  ServerService server;
  TenantsService tenants;
  WorkersService workers;
};

Coordinator::Coordinator(const CoordinatorOptions& options, std::unique_ptr<StateFolder> state,
                         const ServerSecrets& secrets, std::unique_ptr<Catalog> catalog,
                         std::unique_ptr<BlobStore> blobs)
    : options_(options),
      state_(std::move(state)),
      catalog_(std::move(catalog)),
      blobs_(std::move(blobs)),
      secret_(secrets.current()),
      access_(secrets, options.require_keys || !IsLocal(options)),
      audit_(*catalog_, metrics_, [this] { return access_.secrets().all(); }),
      keys_(*catalog_, access_, state_->secret()),
      workflow_(*catalog_, *blobs_, workers_, metrics_, options.lease, options.share_results),
      uploads_(*catalog_, *blobs_),
      serving_(options.disk_reserve),
      calls_(blobs_->IsRemote() ? kRemoteCallThreads : kCallThreads, &access_),
      context_{.access = access_,
               .catalog = *catalog_,
               .blobs = *blobs_,
               .workflow = workflow_,
               .uploads = uploads_,
               .workers = workers_,
               .serving = serving_,
               .metrics = metrics_,
               .calls = calls_,
               .state = *state_,
               .heartbeat_interval = options.heartbeat_interval},
      services_(std::make_unique<Services>(context_, keys_)) {
  catalog_->set_observer([this](Catalog::Wait kind, absl::Duration wait, bool failed) {
    metrics_.ObserveCatalog(kind, wait, failed);
  });
  blobs_->set_observer(
      [this](BlobOperation operation, absl::Duration duration, const absl::Status& status) {
        metrics_.ObserveBlob(operation, duration, status.code());
      });
}

absl::StatusOr<std::unique_ptr<Coordinator>> Coordinator::Start(const CoordinatorOptions& options) {
  absl::Status status = CheckListener(options);
  if (!status.ok()) return status;
  absl::StatusOr<OpenedState> state =
      options.database ? OpenState(options.state_dir, *options.database, options.stand_by)
                       : OpenState(options.state_dir);
  if (!state.ok()) return state.status();
  absl::StatusOr<std::unique_ptr<BlobStore>> blobs = OpenBlobs(state->folder->blobs(), options);
  if (!blobs.ok()) return blobs.status();
  absl::StatusOr<ServerSecrets> secret = ServerSecrets::Take(state->folder->secret());
  if (!secret.ok()) return secret.status();
  std::unique_ptr<Coordinator> coordinator(new Coordinator(
      options, std::move(state->folder), *secret, std::move(state->catalog), *std::move(blobs)));
  status = coordinator->CheckWhoMayCome();
  if (!status.ok()) return status;
  status = coordinator->workflow_.Recover(SteadyNow());
  if (status.ok()) status = coordinator->Serve();
  if (!status.ok()) return status;
  coordinator->maintenance_ = std::thread([raw = coordinator.get()] { raw->RunMaintenance(); });
  return coordinator;
}

Coordinator::~Coordinator() { Shutdown(); }

absl::Status Coordinator::CheckWhoMayCome() {
  absl::Status status = keys_.Follow();
  if (status.ok()) status = ReadCallRates();
  if (!status.ok() || IsLocal(options_) || !options_.tls.client_ca.empty()) return status;
  if (access_.HasKey(SteadyNow())) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("--listen ", options_.listen,
                   ": nobody has a key yet; make one with `alignflow-coordinator keys create "
                   "--state-dir ",
                   options_.state_dir.string(), " --role admin --name NAME`"));
}

void Coordinator::CountRefusal(const RefusedCall& call) {
  metrics_.CountRefusedCall(call.code);
  AuditRecord record;
  // A stranger names what he likes: nothing of that is recorded but what there is.
  if (const AuditRule* rule = FindAuditRule(call.method)) record.method = std::string(rule->method);
  record.key_id = call.key_id;
  record.outcome = absl::StatusCodeToString(call.code);
  audit_.NoteRefusal(std::move(record), SteadyNow());
}

absl::Status Coordinator::ReadCallRates() {
  int64_t change = 0;
  std::map<std::string, int64_t> limits;
  absl::Status status = catalog_->Read([&](Sql& sql) {
    change = LastTenantChange(sql);
    if (change == last_tenant_change_) return absl::OkStatus();
    for (const TenantRecord& tenant : ListTenants(sql)) {
      if (tenant.limits.calls_a_second) limits[tenant.name] = *tenant.limits.calls_a_second;
    }
    return absl::OkStatus();
  });
  if (!status.ok() || change == last_tenant_change_) return status;
  access_.rates().SetLimits(std::move(limits));
  last_tenant_change_ = change;
  return absl::OkStatus();
}

absl::StatusOr<std::filesystem::path> Coordinator::WriteWorkerKey() {
  const NewAccessKey made =
      MakeAccessKey(secret_, "own workers", Role::kWorker, SteadyNow(), absl::InfiniteFuture());
  PartialFile file(state_->worker_key());
  absl::Status status = file.Append(made.text + "\n");
  if (status.ok()) status = file.Rename();
  if (!status.ok()) return status;
  access_.AddOwnKey(made.key);
  return state_->worker_key();
}

absl::Status Coordinator::Serve() {
  LookAtCertificate(SteadyNow());  // whoever asks first is told
  grpc::EnableDefaultHealthCheckService(true);
  static const bool reflection = [] {
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    return true;
  }();
  (void)reflection;
  grpc::ServerBuilder builder;
  ApplyServerLimits(builder);
  builder.SetResourceQuota(
      grpc::ResourceQuota("coordinator").SetMaxThreads(kMaxThreads).Resize(kMemoryQuotaBytes));
  HostPort address, local{.host = "127.0.0.1", .port = 0};
  int port = 0;
  if (!options_.listen.empty()) {
    address = ParseHostPort(options_.listen).value();
    const auto refused = [this](const RefusedCall& call) { CountRefusal(call); };
    builder.AddListeningPort(address.ToString(), GuardedCredentials(options_.tls, access_, refused),
                             &port);
    if (options_.tls.given()) {
      builder.AddListeningPort(local.ToString(), GuardedCredentials({}, access_, refused),
                               &local.port);
    }
  }
  builder.RegisterService(&services_->admin);
  builder.RegisterService(&services_->blobs);
  builder.RegisterService(&services_->datasets);
  builder.RegisterService(&services_->fleet);
  builder.RegisterService(&services_->jobs);
  builder.RegisterService(&services_->models);
  builder.RegisterService(&services_->server);
  builder.RegisterService(&services_->tenants);
  builder.RegisterService(&services_->workers);
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(MakeRpcMetrics(metrics_));
  interceptors.push_back(MakeCallAudit(audit_, access_));
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
  server_ = builder.BuildAndStart();
  if (server_ == nullptr || (!options_.listen.empty() && port == 0)) {
    return absl::UnavailableError(
        absl::StrCat("can't listen on ", options_.listen,
                     ": the port is in use or not ours to take; give another one, or 0 for a free "
                     "one"));
  }
  if (!options_.listen.empty()) {
    address.port = port;
    address_ = address.ToString();
    worker_address_ = options_.tls.given() ? local.ToString() : address_;
    const std::string certificate =
        options_.tls.given() ? std::filesystem::absolute(options_.tls.certificate).string() : "";
    // On a disk that is full the coordinator works all the same, for those who delete something.
    LogError("telling probes where it listens",
             WriteListeningNote(state_->listening(), {address_, certificate}));
  }
  return absl::OkStatus();
}

std::shared_ptr<grpc::Channel> Coordinator::InProcessChannel() {
  return server_->InProcessChannel({});
}

void Coordinator::LookAtDisk() {
  const int64_t free_bytes = options_.free_disk ? options_.free_disk() : state_->FreeBytes();
  metrics_.SetDisk(free_bytes, state_->DiskBytes(), state_->CatalogBytes());
  const ServingState before = serving_.state();
  serving_.SetFreeDisk(free_bytes);
  if (serving_.state() == before) return;
  if (serving_.state() == ServingState::kDiskLow) {
    spdlog::error("no new work: {}", serving_.Reason());
  } else {
    spdlog::info("new work again: the disk has space");
    calls_.WakeAll();  // workers that wait
  }
  ShowHealth();
}

void Coordinator::LookAtBlobs() {
  const absl::Status health = blobs_->Health();
  const ServingState before = serving_.state();
  serving_.SetBlobs(health);
  if (serving_.state() == before) return;
  if (!health.ok()) {
    spdlog::error("no new work: {}", std::string(health.message()));
  } else {
    spdlog::info("the blobs' store answers again");
    calls_.WakeAll();  // workers that wait
  }
  ShowHealth();
}

bool Coordinator::LookAtCatalog() {
  const absl::Status status = catalog_->Check();
  const ServingState before = serving_.state();
  if (absl::IsAborted(status)) {
    replaced_ = true;
    serving_.Drain();
  } else {
    serving_.SetCatalogAnswers(status.ok());
  }
  if (serving_.state() != before) {
    if (status.ok()) {
      spdlog::info("the catalog's database answers again");
      calls_.WakeAll();  // workers that wait
    } else {
      spdlog::error("the catalog: {}", std::string(status.message()));
    }
    ShowHealth();
  }
  return status.ok();
}

void Coordinator::ShowHealth() {
  server_->GetHealthCheckService()->SetServingStatus(serving_.state() == ServingState::kServing);
}

void Coordinator::Drain(absl::Duration patience) {
  serving_.Drain();
  ShowHealth();
  const auto ended = std::make_shared<WakeFlag>();
  const auto listening = workflow_.changes().OnTaskEnded([ended] { ended->Set(); });
  workflow_.Drain();
  const absl::Time deadline = SteadyNow() + patience;
  while (SteadyNow() < deadline) {
    if (workflow_.Idle()) return;
    ended->Wait(deadline - SteadyNow());
  }
}

void Coordinator::Shutdown() {
  if (stop_.Set()) return;
  serving_.Drain();
  workflow_.Drain();
  calls_.Close();
  if (maintenance_.joinable()) maintenance_.join();
  if (server_ == nullptr) return;
  server_->Shutdown(absl::ToChronoTime(absl::Now() + kShutdownPatience));
  server_->Wait();
  std::error_code ignored;
  // That of a replaced one is the other's by now.
  if (!replaced_) std::filesystem::remove(state_->listening(), ignored);
  audit_.Flush(SteadyNow(), /*all=*/true);
}

void Coordinator::LookAtClock() {
  const absl::Duration step = ClockStep();
  if (absl::AbsDuration(step - clock_step_) < kClockStep) return;
  clock_step_ = step;
  spdlog::warn(
      "the machine's clock was set by {}: leases and the times shown go on by what it was before; "
      "restart the coordinator to take the new time over",
      absl::FormatDuration(absl::Trunc(step, absl::Seconds(1))));
}

void Coordinator::LookAtCertificate(absl::Time now) {
  if (!options_.tls.given() || now < certificate_due_) return;
  certificate_due_ = now + kCertificateInterval;
  const absl::StatusOr<absl::Time> end = CheckTlsFiles(options_.tls, absl::Now());
  LogError("the certificate", end.status());
  if (!end.ok()) return;
  metrics_.SetCertificateEnd(*end);
  serving_.SetCertificateEnd(*end);
}

void Coordinator::Maintain(absl::Time now) {
  LookAtDisk();
  LookAtBlobs();
  LookAtClock();
  LookAtCertificate(now);
  calls_.Tick(now);
  // Without it leases go on: workers say that they live, which writes nothing.
  if (!LookAtCatalog()) return;
  LogError("reading access keys", keys_.Follow());
  LogError("reading limits of calls", ReadCallRates());
  // First those who have gone, so that jobs which lose their lease are told who is left.
  if (workers_.DropSilent(now, options_.lease.duration) > 0) {
    workflow_.WorkersChanged();
  }
  LogError("expiring leases", workflow_.ExpireLeases(now));
  LogError("taking jobs further", workflow_.GoOn(now));
  LogError("deleting old jobs", workflow_.DeleteOldJobs(options_.keep_jobs, now));
  LogError("removing what deleted jobs left", workflow_.Sweep());
  LogError("writing down uploads", uploads_.Flush(now));
  audit_.Flush(now);
  LogError("removing old audit records", audit_.RemoveOld(options_.keep_audit, now));
  metrics_.SetOpenCalls(calls_.limits().open());
  LogError("counting", Count(now));
}

absl::Status Coordinator::Count(absl::Time now) {
  absl::Status status = catalog_->Read([&](Sql& sql) {
    metrics_.SetJobs(CountJobs(sql));
    metrics_.SetTasks(CountTasks(sql));
    fleet_metrics_.SetQueue(LookAtQueue(sql), now);
    tenant_metrics_.SetUses(LookAtTenants(sql));
    return absl::OkStatus();
  });
  const std::vector<LiveState::Lease> leases = workflow_.live().Leases();
  workers_.LookAtFleet(now, [&](const Fleet& fleet) {
    tenant_metrics_.CountWork(leases, fleet, fleet_metrics_.SetWork(leases, fleet, now));
  });
  return status;
}

absl::StatusOr<BlobStore::Garbage> Coordinator::CollectGarbage(absl::Duration grace,
                                                               absl::Time now) {
  // Files have the machine's time. Where that was set back, those of since then are young.
  const absl::Time cutoff = now - grace + std::min(ClockStep(), absl::ZeroDuration());
  absl::StatusOr<BlobStore::Garbage> garbage = workflow_.CollectGarbage(cutoff, now);
  if (!garbage.ok()) return garbage;
  LogError("forgetting blobs that are gone", uploads_.ForgetCollected(cutoff));
  if (garbage->removed > 0 || !collected_.exchange(true)) {
    spdlog::info("blobs: {} there, {} removed ({} bytes), {} orphans within their grace time",
                 garbage->blobs - garbage->removed, garbage->removed, garbage->removed_bytes,
                 garbage->orphans);
  }
  return garbage;
}

void Coordinator::RunMaintenance() {
  const absl::Duration interval =
      std::min(kGarbageInterval, options_.blob_grace + absl::Seconds(1));
  absl::Time next_collection = SteadyNow();
  for (;;) {
    const absl::Time now = SteadyNow();
    Maintain(now);
    if (now >= next_collection && serving_.state() != ServingState::kNoCatalog && !replaced_) {
      LogError("collecting garbage", CollectGarbage(options_.blob_grace, now).status());
      next_collection = now + interval;
    }
    if (stop_.Wait(kMaintenanceInterval)) return;
  }
}

}  // namespace alignflow
