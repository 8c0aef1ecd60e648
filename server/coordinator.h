#ifndef ALIGNFLOW_SERVER_COORDINATOR_H_
#define ALIGNFLOW_SERVER_COORDINATOR_H_

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/steady_now.h"
#include "grpcpp/server.h"
#include "server/access/access.h"
#include "server/access/listener.h"
#include "server/audit/audit_log.h"
#include "server/blobs/blob_store.h"
#include "server/calls/calls.h"
#include "server/catalog/catalog.h"
#include "server/catalog/postgres_address.h"
#include "server/fleet_metrics.h"
#include "server/metrics.h"
#include "server/objects/bucket_options.h"
#include "server/scheduler/leases.h"
#include "server/services/service_context.h"
#include "server/state_folder.h"
#include "server/tenant_metrics.h"
#include "server/workflow/key_ring.h"
#include "server/workflow/serving.h"
#include "server/workflow/tenant_uploads.h"
#include "server/workflow/worker_registry.h"
#include "server/workflow/workflow.h"

namespace alignflow {

struct CoordinatorOptions {
  std::filesystem::path state_dir;  // made if it does not exist; everything is kept there
  // The database that the catalog is in; nothing: a file of the state folder.
  std::optional<PostgresAddress> database;
  // Asked while another coordinator has the database, or it does not answer, with the reason:
  // whether to wait on, and to take over when it is free. Nothing: that is an error.
  std::function<bool(const absl::Status&)> stand_by;
  // HOST:PORT; port 0 takes a free one; empty: channels within the process only. Beyond loopback
  // with `tls` alone.
  std::string listen;
  TlsFiles tls;
  bool require_keys = false;  // also on loopback, also before there is any
  LeasePolicy lease;
  absl::Duration heartbeat_interval = absl::Seconds(1);
  absl::Duration keep_jobs = absl::InfiniteDuration();  // how long after their end
  bool share_results = false;                           // whether tenants take each other's results
  absl::Duration blob_grace = absl::Hours(1);           // how long an unreferenced blob is kept
  absl::Duration keep_audit = absl::Hours(24 * 730);    // how long audit records are kept
  // Free bytes of the state folder's disk below which no new work is taken.
  int64_t disk_reserve = int64_t{1} << 30;
  // Where blobs are kept; not given: in the state folder.
  BucketOptions bucket;
  int64_t blob_cache = int64_t{2} << 30;  // bytes of copies in the state folder of a bucket's blobs
  // Gives the free bytes; the disk itself is asked if it is empty.
  std::function<int64_t()> free_disk;
};

// The whole coordinator: state, services, server. Thread-safe.
class Coordinator {
 public:
  // Opens the state and serves. InvalidArgument for an address that is malformed, or beyond
  // loopback without TLS, FailedPrecondition for one that nobody has a key or certificate for, or
  // for a state folder or database that another coordinator has or that can't be written,
  // Unavailable for a port in use or a database that does not answer, DataLoss for a damaged
  // catalog, Cancelled once `stand_by` has said no; each with the remedy.
  static absl::StatusOr<std::unique_ptr<Coordinator>> Start(const CoordinatorOptions& options);
  // Shuts down if Shutdown was not called.
  ~Coordinator();

  // HOST:PORT with the port that was taken; empty if the server does not listen.
  const std::string& address() const { return address_; }
  // Where workers that run beside this process reach it without TLS.
  const std::string& worker_address() const { return worker_address_; }
  // Makes an access key for them, which lives as long as the process, and writes it to a file of
  // the state folder, of which only this user may read. Returns the file.
  absl::StatusOr<std::filesystem::path> WriteWorkerKey();
  std::shared_ptr<grpc::Channel> InProcessChannel();
  std::shared_ptr<prometheus::Registry> metrics() const { return metrics_.registry(); }

  // Whether another coordinator has taken the database over, or may have: this one serves nobody
  // any more, for good.
  bool replaced() const { return replaced_; }

  // Takes no more work and says so to health checks, leases nothing more, asks the workers to hand
  // back, and waits until they have, at most `patience`.
  void Drain(absl::Duration patience);
  // Ends all calls and closes. Safe at any moment, even without Drain: nothing is lost.
  void Shutdown();

  // What the maintenance thread does by itself, every second and every few minutes.
  void Maintain(absl::Time now);
  absl::StatusOr<BlobStore::Garbage> CollectGarbage(absl::Duration grace, absl::Time now);

 private:
  struct Services;

  Coordinator(const CoordinatorOptions& options, std::unique_ptr<StateFolder> state,
              const ServerSecrets& secrets, std::unique_ptr<Catalog> catalog,
              std::unique_ptr<BlobStore> blobs);
  absl::Status CheckWhoMayCome();
  absl::Status Serve();
  // Follows the catalog, in which other processes change the tenants' limits that calls are held
  // to.
  absl::Status ReadCallRates();
  void CountRefusal(const RefusedCall& call);
  void RunMaintenance();
  // Whether there is a catalog to work on.
  bool LookAtCatalog();
  void LookAtDisk();
  void LookAtBlobs();
  void LookAtClock();
  void LookAtCertificate(absl::Time now);
  void ShowHealth();
  // What the metrics show that is counted from time to time.
  absl::Status Count(absl::Time now);

  const CoordinatorOptions options_;
  const std::unique_ptr<StateFolder> state_;
  ServerMetrics metrics_;
  FleetMetrics fleet_metrics_{*metrics_.registry()};
  TenantMetrics tenant_metrics_{*metrics_.registry()};
  const std::unique_ptr<Catalog> catalog_;
  const std::unique_ptr<BlobStore> blobs_;
  const std::string secret_;
  Access access_;
  int64_t last_tenant_change_ = -1;
  AuditLog audit_;
  KeyRing keys_;
  WorkerRegistry workers_;
  Workflow workflow_;
  TenantUploads uploads_;
  Serving serving_;
  Calls calls_;
  ServiceContext context_;
  std::unique_ptr<Services> services_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_, worker_address_;
  SteadyFlag stop_;
  std::atomic<bool> replaced_ = false;
  std::atomic<bool> collected_ = false;                // at least once
  absl::Duration clock_step_;                          // that the log tells of
  absl::Time certificate_due_ = absl::InfinitePast();  // when it is looked at again
  std::thread maintenance_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_COORDINATOR_H_
