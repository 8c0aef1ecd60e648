#include "server/coordinator.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/channel.h"
#include "common/listen_address.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/resource_quota.h"
#include "grpcpp/server_builder.h"
#include "server/blobs/blob_stream.h"
#include "server/catalog/jobs.h"
#include "server/catalog/tasks.h"
#include "server/services/blobs_service.h"
#include "server/services/datasets_service.h"
#include "server/services/fleet_service.h"
#include "server/services/jobs_service.h"
#include "server/services/models_service.h"
#include "server/services/rpc_metrics.h"
#include "server/services/server_service.h"
#include "server/services/workers_service.h"
#include "spdlog/spdlog.h"

namespace alignflow {
namespace {

// For calls that do not last. Those that do (server/calls/) hold none while they wait.
constexpr int kMaxThreads = 64;
// For the steps of calls that last: they read and write files and the catalog.
constexpr int kCallThreads = 4;
// What gRPC may hold for messages on their way.
constexpr size_t kMemoryQuotaBytes = 512 << 20;
constexpr absl::Duration kMaintenanceInterval = absl::Seconds(1);
constexpr absl::Duration kGarbageInterval = absl::Minutes(5);
constexpr absl::Duration kShutdownPatience = absl::Seconds(3);

void LogError(const char* what, const absl::Status& status) {
  if (!status.ok()) spdlog::error("{}: {}", what, std::string(status.message()));
}

}  // namespace

struct Coordinator::Services {
  explicit Services(ServiceContext& context)
      : blobs(context),
        datasets(context),
        fleet(context),
        jobs(context),
        models(context),
        server(context),
        workers(context) {}

  BlobsService blobs;
  DatasetsService datasets;
  FleetService fleet;
  JobsService jobs;
  ModelsService models;
  ServerService server;
  WorkersService workers;
};

Coordinator::Coordinator(const CoordinatorOptions& options, std::unique_ptr<StateFolder> state,
                         std::unique_ptr<Catalog> catalog, std::unique_ptr<BlobStore> blobs)
    : options_(options),
      state_(std::move(state)),
      catalog_(std::move(catalog)),
      blobs_(std::move(blobs)),
      workflow_(*catalog_, *blobs_, workers_, metrics_, options.lease),
      serving_(options.disk_reserve),
      calls_(kCallThreads),
      context_{.catalog = *catalog_,
               .blobs = *blobs_,
               .workflow = workflow_,
               .workers = workers_,
               .serving = serving_,
               .metrics = metrics_,
               .calls = calls_,
               .state = *state_,
               .heartbeat_interval = options.heartbeat_interval},
      services_(std::make_unique<Services>(context_)) {}

absl::StatusOr<std::unique_ptr<Coordinator>> Coordinator::Start(const CoordinatorOptions& options) {
  if (!options.listen.empty()) {
    absl::StatusOr<HostPort> address = ParseLoopback(options.listen);
    if (!address.ok()) return address.status();
  }
  absl::StatusOr<std::unique_ptr<StateFolder>> state = StateFolder::Take(options.state_dir);
  if (!state.ok()) return state.status();
  absl::StatusOr<std::unique_ptr<BlobStore>> blobs = BlobStore::Open((*state)->blobs());
  if (!blobs.ok()) return blobs.status();
  absl::StatusOr<std::unique_ptr<Catalog>> catalog = Catalog::Open((*state)->catalog());
  if (!catalog.ok()) return catalog.status();
  std::unique_ptr<Coordinator> coordinator(
      new Coordinator(options, *std::move(state), *std::move(catalog), *std::move(blobs)));
  absl::Status status = coordinator->workflow_.Recover(absl::Now());
  if (status.ok()) status = coordinator->Serve();
  if (!status.ok()) return status;
  coordinator->maintenance_ = std::thread([raw = coordinator.get()] { raw->RunMaintenance(); });
  return coordinator;
}

Coordinator::~Coordinator() { Shutdown(); }

absl::Status Coordinator::Serve() {
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
  HostPort address;
  int port = 0;
  if (!options_.listen.empty()) {
    address = ParseLoopback(options_.listen).value();
    builder.AddListeningPort(address.ToString(), grpc::InsecureServerCredentials(), &port);
  }
  builder.RegisterService(&services_->blobs);
  builder.RegisterService(&services_->datasets);
  builder.RegisterService(&services_->fleet);
  builder.RegisterService(&services_->jobs);
  builder.RegisterService(&services_->models);
  builder.RegisterService(&services_->server);
  builder.RegisterService(&services_->workers);
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(MakeRpcMetrics(metrics_));
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
  }
  return absl::OkStatus();
}

std::shared_ptr<grpc::Channel> Coordinator::InProcessChannel() {
  return server_->InProcessChannel({});
}

void Coordinator::LookAtDisk() {
  const int64_t free_bytes = options_.free_disk ? options_.free_disk() : state_->FreeBytes();
  metrics_.SetDisk(free_bytes, state_->CatalogBytes());
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

void Coordinator::ShowHealth() {
  server_->GetHealthCheckService()->SetServingStatus(serving_.state() == ServingState::kServing);
}

void Coordinator::Drain(absl::Duration patience) {
  serving_.Drain();
  ShowHealth();
  const auto ended = std::make_shared<WakeFlag>();
  const auto listening = workflow_.changes().OnTaskEnded([ended] { ended->Set(); });
  workflow_.Drain();
  const absl::Time deadline = absl::Now() + patience;
  while (absl::Now() < deadline) {
    if (workflow_.Idle()) return;
    ended->Wait(deadline - absl::Now());
  }
}

void Coordinator::Shutdown() {
  {
    absl::MutexLock lock(&stop_mutex_);
    if (std::exchange(stop_, true)) return;
  }
  serving_.Drain();
  workflow_.Drain();
  calls_.Close();
  if (maintenance_.joinable()) maintenance_.join();
  if (server_ == nullptr) return;
  server_->Shutdown(absl::ToChronoTime(absl::Now() + kShutdownPatience));
  server_->Wait();
}

void Coordinator::Maintain(absl::Time now) {
  LookAtDisk();
  calls_.Tick(now);
  // First those who have gone, so that jobs which lose their lease are told who is left.
  if (workers_.DropSilent(now, options_.lease.duration) > 0) {
    workflow_.WorkersChanged();
  }
  LogError("expiring leases", workflow_.ExpireLeases(now));
  LogError("taking jobs further", workflow_.GoOn(now));
  LogError("deleting old jobs", workflow_.DeleteOldJobs(options_.keep_jobs, now));
  LogError("removing what deleted jobs left", workflow_.Sweep());
  metrics_.SetWorkers(workers_.size());
  metrics_.SetOpenCalls(calls_.limits().open());
  LogError("counting", catalog_->Read([&](Sql& sql) {
    metrics_.SetJobs(CountJobs(sql));
    metrics_.SetTasks(CountTasks(sql));
    return absl::OkStatus();
  }));
}

absl::StatusOr<BlobStore::Garbage> Coordinator::CollectGarbage(absl::Duration grace,
                                                               absl::Time now) {
  absl::StatusOr<BlobStore::Garbage> garbage = workflow_.CollectGarbage(now - grace, now);
  if (!garbage.ok()) return garbage;
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
  absl::Time next_collection = absl::Now();
  for (;;) {
    const absl::Time now = absl::Now();
    Maintain(now);
    if (now >= next_collection) {
      LogError("collecting garbage", CollectGarbage(options_.blob_grace, now).status());
      next_collection = now + interval;
    }
    absl::MutexLock lock(&stop_mutex_);
    stop_mutex_.AwaitWithTimeout(absl::Condition(&stop_), kMaintenanceInterval);
    if (stop_) return;
  }
}

}  // namespace alignflow
